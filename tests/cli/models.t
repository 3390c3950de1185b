Which model types are known, and what each reads of a config.json.

  $ kvcache models | head -4
  type                 caches, for example
  Klear                32 x plain
  afm7                 24 x plain
  afmoe                24 x window 2048, 8 x plain, every fourth
  $ kvcache models | tail -3
    xlm-roberta           an encoder has no prompt cache
    zaya                  not in mlx-lm yet; its config tells of compressed
                          attention with a convolution
  $ kvcache models mistral
  llama, mistral, iquestcoder: as mlx_lm/models/llama.py of mlx-lm d78bf58 makes
  them
  for example 32 x plain
  
  field                when it is absent
  hidden_size          required
  num_hidden_layers    required
  num_attention_heads  required
  num_key_value_heads  = num_attention_heads (null, too)
  head_dim             = hidden_size / num_attention_heads (null and 0, too)
  layer_types          = none (null, too)
  sliding_window       = none (null, too)
  
  caches
    layers if(layer_types == none, num_hidden_layers, len(layer_types))
    when layer_types == none : plain(num_key_value_heads, head_dim)
    when layer_types[i] == "sliding_attention" : window(sliding_window,
    num_key_value_heads, head_dim)
    otherwise plain(num_key_value_heads, head_dim)
    unknown unless layer_types == none or "full_attention" in layer_types
  
  otherwise in mlx-swift-lm/Libraries/MLXLLM/Models/Llama.swift
    layers num_hidden_layers
    otherwise plain(num_key_value_heads, head_dim)
    layer_types makes no windows there
  
  traps
    sliding_window alone makes no windows (Mistral 7B keeps every token): only
    layer_types does
    any name but sliding_attention keeps every token; the length of layer_types
    counts, not num_hidden_layers
    --max-kv-size changes nothing: the model makes its caches itself
  $ kvcache models gemma4
  gemma4, gemma4_unified: as mlx_lm/models/gemma4.py of mlx-lm d78bf58 makes them
  for example 12 x window 512, 3 x plain, every fifth
  
  Fields are in text_config; where there is none, all count as absent.
  field                       when it is absent
  num_hidden_layers           = 35
  num_key_value_heads         = 1
  num_global_key_value_heads  = none (null, too)
  head_dim                    = 256
  global_head_dim             = 512 null head_dim zero head_dim
  num_kv_shared_layers        = 20
  sliding_window              = 512
  sliding_window_pattern      = 5
  attention_k_eq_v            = false
  layer_types                 = none (null, too)
  per_layer_config            = none (null, too)
  
  caches
    let kind = if(layer_types == none, if((i + 1) % sliding_window_pattern == 0,
    "full_attention", "sliding_attention"), at(layer_types, i))
    let global_heads = if(attention_k_eq_v and num_global_key_value_heads != none,
    num_global_key_value_heads, num_key_value_heads)
    layers num_hidden_layers - num_kv_shared_layers
    when kind == "full_attention" : plain(global_heads, global_head_dim)
    when kind == "sliding_attention" : window(sliding_window, num_key_value_heads,
    head_dim)
    otherwise window(sliding_window, global_heads, head_dim)
    unknown unless num_kv_shared_layers < num_hidden_layers
    unknown unless layer_types == none or len(layer_types) >= num_hidden_layers
    unknown unless layer_types == none or subset(first(layer_types,
    num_hidden_layers), first(layer_types, num_hidden_layers -
    num_kv_shared_layers))
    unknown unless layer_types != none or num_hidden_layers - num_kv_shared_layers
    >= sliding_window_pattern or num_hidden_layers < sliding_window_pattern
  
  traps
    num_kv_shared_layers is 20 when absent, the pattern 5, the KV heads 1:
    transformers has other defaults
    full layers are global_head_dim wide: 512 when absent, head_dim when null
    num_global_key_value_heads counts only with attention_k_eq_v; per_layer_config
    is not read
    --max-kv-size changes nothing: the model makes its caches itself
  $ kvcache models deepseek_v4
  deepseek_v4: not in mlx-lm yet; its config tells of one KV head, a window and
  pools of compressed keys (compress_ratios)
  $ kvcache models lama
  kvcache models: the model type 'lama' is not known
  hint: kvcache models llama
  [2]
  $ kvcache models "nonsense that is like no other"
  kvcache models: the model type 'nonsense that is like no other' is not known
  hint: kvcache models
  [2]
  $ kvcache models kimi_vl --json
  {
   "schema": "kvcache.models/1",
   "mlx_lm": "d78bf58",
   "models": [
    {
     "type": "kimi_vl",
     "also": [],
     "source": "mlx_lm/models/kimi_vl.py",
     "text_config": "in text_config, which has to be there",
     "fields": [
      {
       "name": "num_hidden_layers",
       "when_absent": "= 30"
      },
      {
       "name": "kv_lora_rank",
       "when_absent": "= 512"
      },
      {
       "name": "qk_rope_head_dim",
       "when_absent": "= 64"
      }
     ],
     "caches": [
      "layers num_hidden_layers",
      "otherwise plain(1, kv_lora_rank, qk_rope_head_dim)"
     ],
     "picture": "30 x plain",
     "swift": null,
     "traps": [],
     "max_kv_size": true,
     "unquantized": "since 0.30.5 mlx-lm computes with the latents themselves, which are three arrays then"
    }
   ],
   "absent": []
  }
  $ kvcache models --json | grep -c '"picture"'
  110

A file against a model: an indexer's values have no width, and their dtype says nothing; what is not known is not compared.

  $ config() { python3 -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))["config"]))' "$CONFIGS/../golden/configs/$1.json" > config.json; }
  $ config deepseek_v32.indexer; cp "$CONFIGS/../golden/configs/deepseek_v32.indexer.safetensors" indexer.safetensors
  $ kvcache verify --strict --model . indexer.safetensors
  indexer.safetensors: ok (mlx-lm 0.31; KV708)
  $ echo '{"model_type": "deepseek_v4"}' > config.json; kvcache verify --model . indexer.safetensors
  indexer.safetensors: warning KV810: the model's caches are not known: "deepseek_v4": not in mlx-lm yet; its config tells of one KV head, a window and pools of compressed keys (compress_ratios)
    hint: `kvcache models` lists the known types; all else was checked
  facts: 1 KV708 (zero-element arrays); --infos shows them
  $ echo '{"model_type": "llama", "num_hidden_layers": 3}' > config.json; kvcache verify --model . indexer.safetensors
  indexer.safetensors: warning KV810: the model's caches are not known: llama: there is no hidden_size, which mlx_lm/models/llama.py needs
    hint: `kvcache models` lists the known types; all else was checked
  facts: 1 KV708 (zero-element arrays); --infos shows them
  $ config gemma3_text.defaults; kvcache verify --model . indexer.safetensors
  indexer.safetensors: error KV813 layer 0: CacheList, where the model makes a cache of a window of 512 tokens
  indexer.safetensors: error KV813 layer 1: CacheList, where the model makes a cache of keys and values of every token
  indexer.safetensors: warning KV812 layer 2: 3 layers, the model has caches for 2: those from here on are not its own
    hint: right only for the layers of a draft model behind those of the model
  facts: 1 KV708 (zero-element arrays); --infos shows them
  [1]
