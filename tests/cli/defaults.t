Defaults of options: variables of the environment, and a configuration file with a section for each command.

  $ mkdir all; cp "$MODELS/llama-f16.safetensors" all/b.safetensors; cp "$REPORTS/plain.safetensors" all/a.safetensors
  $ KVCACHE_LS_SORT=size kvcache ls all --names
  all/b.safetensors
  all/a.safetensors
  $ KVCACHE_LS_SORT=size kvcache ls all --names --sort name
  all/a.safetensors
  all/b.safetensors
  $ KVCACHE_LS_DIR=all KVCACHE_LS_NAMES=true kvcache ls
  all/a.safetensors
  all/b.safetensors
  $ KVCACHE_QUIET=1 KVCACHE_TRIM_N=2 kvcache trim all/a.safetensors --to 3 -o trimmed; ls trimmed
  trimmed
  $ KVCACHE_LS_SORT=colour kvcache ls all
  kvcache ls: --sort: 'colour' is none of size, age, model, tokens, name, accessed, format
  hint: `kvcache ls --help` lists the options
  [2]
  $ mkdir -p home/.config/kvcache; export HOME=home; unset XDG_CONFIG_HOME
  $ printf 'color = "never"\n\n[ls]\nsort = "size:asc"\nexclude = ["c*", "d*"]\n\n[verify]\nfor = ["mlx-swift-lm"]\n' >home/.config/kvcache/config.toml
  $ cp all/a.safetensors all/c.safetensors; kvcache ls all --names
  all/a.safetensors
  all/b.safetensors
  $ kvcache ls all --names --sort size; KVCACHE_LS_SORT=size kvcache ls all --names
  all/b.safetensors
  all/a.safetensors
  all/a.safetensors
  all/b.safetensors
  $ kvcache verify -q all/a.safetensors | head -n 1
  all/a.safetensors: error KV720: mlx-swift-lm@3.31: layer 0 (KVCache): it is saved as mlx-lm@0.31 saves it (empty text as metadata)
  $ KVCACHE_CONFIG= kvcache verify -q all/a.safetensors
  $ mkdir other; printf '[ls]\nsort = "name:desc"\n' >other/config.toml; KVCACHE_CONFIG=other/config.toml kvcache ls all --names
  all/c.safetensors
  all/b.safetensors
  all/a.safetensors

What is misspelt, or has to be said each time.

  $ printf '[ls]\nsrot = "size"\n' >home/.config/kvcache/config.toml; kvcache ls all
  kvcache: home/.config/kvcache/config.toml: [ls] srot is no option that has a default
  hint: did you mean sort?
  [2]
  $ printf '[list]\nsort = "size"\n' >home/.config/kvcache/config.toml; kvcache ls all
  kvcache: home/.config/kvcache/config.toml: [list] is no command
  hint: `kvcache --help` lists the commands
  [2]
  $ printf '[prune]\nyes = true\n' >home/.config/kvcache/config.toml; kvcache prune all --broken
  kvcache: home/.config/kvcache/config.toml: [prune] yes: this can only be said on the command line
  hint: remove the line
  [2]
  $ KVCACHE_CONFIG= KVCACHE_PRUNE_YES=true KVCACHE_TRIM_FORCE=true kvcache prune all --older-than 0s | tail -n 1; ls all
  nothing was deleted: --yes does it
  a.safetensors
  b.safetensors
  c.safetensors
  $ KVCACHE_CONFIG=missing.toml kvcache ls all
  kvcache: missing.toml: this configuration cannot be read
  hint: KVCACHE_CONFIG= goes without one
  [2]
  $ printf 'sort\n[ls\n' >home/.config/kvcache/config.toml; kvcache ls all
  kvcache: home/.config/kvcache/config.toml: sort is no option that has a default
  hint: the names are those of the long options
  [2]
  $ printf '[ls]\nsort = "colour"\n' >home/.config/kvcache/config.toml; kvcache ls all
  kvcache ls: --sort: 'colour' is none of size, age, model, tokens, name, accessed, format
  hint: `kvcache ls --help` lists the options
  [2]
