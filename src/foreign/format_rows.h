// The rows of the table of formats, each in a file of its own.
#pragma once

#include "foreign/foreign_format.h"

namespace kvcache::foreign {

extern const Format omlx_format;
extern const Format omlx_archive_format;
extern const Format vllm_mlx_format;
extern const Format vllm_mlx_ssd_format;
extern const Format rapid_mlx_format;

}  // namespace kvcache::foreign
