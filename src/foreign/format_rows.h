// The rows of the table of formats, each in a file of its own.
#pragma once

#include "foreign/foreign_format.h"

namespace kvcache::foreign {

extern const Format omlx_format;
extern const Format omlx_archive_format;
extern const Format vllm_mlx_format;
extern const Format vllm_mlx_ssd_format;
extern const Format rapid_mlx_format;
extern const Format apc_format;
extern const Format dflash_format;
extern const Format llama_cpp_format;
extern const Format mlx_lm_1218_format;
extern const Format mlx_lm_1405_format;
extern const Format mlx_prompt_cache_format;
extern const Format prefix_folders_format;
extern const Format slotstream_format;
extern const Format vmlx_blocks_format;
extern const Format vmlx_prompts_format;
extern const Format vmlx_swift_format;

}  // namespace kvcache::foreign
