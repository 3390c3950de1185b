Every command explains itself, with examples.

  $ kvcache --help | sed '/^Looking/,/^Examples/d'
  Inspects, verifies, converts and edits prompt-cache files of mlx-lm,
  mlx-swift-lm and mlxrs.
  
  Usage: kvcache [OPTIONS] COMMAND [OPTIONS] FILE...
  
  Options:
    -h, --help              Show this help and exit
    -q, --quiet             Say less: no summaries, and nothing about files that
                            are fine
    --color auto|always|never
                            Colour the output; auto (the default): only on a
                            terminal, and without NO_COLOR set
    --no-progress           No progress bars
    -v, --verbose           Say how many requests and bytes remote files took
    --endpoint-url URL      The service that s3://BUCKET/KEY is at, in place of
                            Amazon's
    --region REGION         The region of s3:// buckets, where no variable or
                            profile says it
    --path-style            Name the bucket in the path, not in the host
    --allow-http            Take http:// addresses of other machines, which is not
                            encrypted
    --timeout SECONDS       Give up when a server is silent for so long (default
                            30)
    -V, --version           Show the version and exit
  
    kvcache inspect chat.safetensors       what is in it, and who can load it
    kvcache verify -r ~/prompt-caches      is every file intact
    kvcache COMMAND --help                 options and examples of a command
  $ kvcache inspect --help
  Show what is in a cache: format, layers, tokens, size, who can load it
  
  Usage: kvcache inspect FILE... [OPTIONS]
  
  Arguments:
    FILE                    Caches to show; - is standard input
  
  Options:
    -h, --help              Show this help and exit
    --layers                One line per layer, and what speaks for the format
    --tensors               One line per tensor: its place in the data section,
                            bytes, dtype, key, shape
    --stats                 Read all values: range, mean, deviation, histogram,
                            outliers of each layer
    --metadata              All metadata of the file, key by key
    --json                  Everything, as JSON; a list for several files
  
  All commands take -q, --color WHEN and --no-progress, too: `kvcache --help`.
  
  Examples:
    kvcache inspect chat.safetensors
    kvcache inspect --layers chat.safetensors      one line per layer
    kvcache inspect --stats chat.safetensors       what the values look like
    kvcache inspect --json a.safetensors.gz | jq .totals
  $ kvcache verify --help
  Check that caches are intact, and say which runtimes can load them
  
  Usage: kvcache verify PATH... [OPTIONS]
  
  Arguments:
    PATH                    Files, or folders and s3://BUCKET/PREFIX/ with -r; -
                            is standard input
  
  Options:
    -h, --help              Show this help and exit
    -r, --recursive         Check every *.safetensors and gzip-compressed *.gz
                            below a folder; what does not claim to be a cache is
                            counted only
    -j, --jobs N            Threads (default: as many as there are cores)
    --for ID                It is an error when this format's runtime cannot load
                            the file, for example mlx-lm@0.31, or a single
                            release, mlx-lm@0.30.7; a runtime alone (mlx-lm) when
                            no release of it can; `all` for every format. May be
                            repeated
    --exclude GLOB          Leave out files and folders: '*.tmp.safetensors',
                            'old/'; as in .gitignore, also in files named
                            .kvcacheignore
    --model MODEL           Compare with a model's config.json and the digests of
                            a stamp: its folder, or an id of Hugging Face
    --data                  Read all data: NaN, infinities, rows of zeros
    --strict                Exit with 1 for warnings, too
    --fix                   Show what `kvcache repair` would do, without doing it
    --infos                 Infos and notes as well: facts about who can use a
                            file that is fine
    --format text|json|junit|github|sarif
                            How to print the results (default text)
    --json                  The same as --format json
  
  All commands take -q, --color WHEN and --no-progress, too: `kvcache --help`.
  
  Examples:
    kvcache verify chat.safetensors
    kvcache verify --data --for mlx-lm@0.31 chat.safetensors   before a deployment
    kvcache verify -r ~/prompt-caches         a screenful, whatever is in there
    # every file that is broken, and no more
    kvcache verify -r -q ~/prompt-caches
    # for CI, as github, sarif
    kvcache verify -r --format junit caches > verify.xml
  $ kvcache trim --help
  Remove the last tokens from every layer, or from none
  
  Usage: kvcache trim FILE... [OPTIONS]
  
  Arguments:
    FILE                    The cache to trim; - is standard input. Several with
                            --in-place, or with -o and a folder
  
  Options:
    -h, --help              Show this help and exit
    -r, --recursive         Take folders, too: every cache below them. -o DIR/ has
                            the same folders
    --exclude GLOB          Leave out files and folders: '*.tmp.safetensors',
                            'old/'; as in .gitignore, also in files named
                            .kvcacheignore
    -j, --jobs N            Threads (default: as many as there are cores)
    -n, --last N            Remove the last N tokens, in a batch of each sequence
    --to LEN                Remove what is beyond the first LEN tokens of each
                            layer and sequence
    -o, --output OUT        Write the result to this file, or to s3://BUCKET/KEY;
                            - is standard output
    --in-place              Replace the input, atomically
    --force                 Replace OUT if it exists
    --gzip                  Compress the output
    --json                  Print a summary as JSON to standard output
  
  All commands take -q, --color WHEN and --no-progress, too: `kvcache --help`.
  
  Examples:
    kvcache trim chat.safetensors -n 7 -o shorter.safetensors
    kvcache trim chat.safetensors --to 1024 --in-place         keep the first 1024

Without the command's name there is a list of them; each has help that fits 80 columns and shows two examples or more.

  $ commands="$(kvcache --help | sed -n '/^Looking/,/^Examples/s/^  \([a-z][a-z]*\).*/\1/p')"
  $ echo "$commands" | grep -x -e inspect -e verify -e trim
  inspect
  verify
  trim
  $ for c in '' $commands; do kvcache $c --help | sed '/^Examples/,$d'; done | awk 'length > 80 && NF > 1'
  $ for c in $commands; do
  >   examples="$(kvcache $c --help | sed -n '/^Examples/,$p' | grep -c "kvcache $c")"
  >   [ "$examples" -ge 2 ] || echo "$c: $examples examples"
  > done
  version: 1 examples
