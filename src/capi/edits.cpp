// Edits of one cache.
#include <fmt/format.h>

#include <set>

#include "capi/edit.h"
#include "capi/sources.h"
#include "edit/check_form.h"
#include "edit/metadata_keys.h"
#include "edit/require_repaired.h"
#include "edit/stamp_now.h"
#include "kvcache/quantize_cache.h"
#include "kvcache/transform.h"

namespace kvcache::capi {

void require_editable(kvcache_cache& cache, Checked wanted) {
  if (cache.checked < wanted) {
    if (wanted == Checked::sound || !only_unknown_layouts(check(cache.document))) require_sound(cache.document);
    cache.checked = wanted;
  }
  if (!cache.target) static_cast<void>(era_to_keep(cache.document));
}

void edited(kvcache_cache& cache) {
  cache.edited = true;
  cache.repaired.reset();
  cache.as_it_is = false;
  cache.answers = {};
}

namespace {

Dtype dtype_of(kvcache_dtype dtype) {
  if (dtype < KVCACHE_BOOL || dtype > KVCACHE_F8_E8M0)
    throw Error(ErrorKind::usage, fmt::format("{} is no dtype", dtype), "KVCACHE_F16, KVCACHE_BF16, KVCACHE_F32");
  return static_cast<Dtype>(dtype);
}

/// Those of a safetensors file, or of a program.
using Arrays = std::map<std::string, Tensor>;

void append(PromptCache& cache, const Arrays& arrays, int64_t* appended) {
  const std::int64_t before = token_count(cache);
  append_prompt_cache(cache, arrays);
  put_number(appended, token_count(cache) - before);
}

/// Tensors keep what they are made of, and a program may forget its own.
Tensor owned(const Tensor& tensor) {
  std::vector<std::byte> bytes(tensor.nbytes());
  tensor.read(0, bytes);
  return Tensor::of_bytes(tensor.dtype(), tensor.shape(), std::move(bytes));
}

}  // namespace
}  // namespace kvcache::capi

using namespace kvcache;
using namespace kvcache::capi;

kvcache_status kvcache_trim(kvcache_cache* cache, int64_t n, int64_t* removed, kvcache_error** error) {
  return editing(cache, error, [&](PromptCache& copy) {
    if (n < 0) throw Error(ErrorKind::usage, fmt::format("{} tokens cannot be removed", n));
    put_number(removed, trim_prompt_cache(copy, n));
  });
}

kvcache_status kvcache_trim_to(kvcache_cache* cache, int64_t length, int64_t* removed, kvcache_error** error) {
  return editing(cache, error, [&](PromptCache& copy) {
    if (length < 0) throw Error(ErrorKind::usage, fmt::format("{} tokens cannot be kept", length));
    put_number(removed, trim_prompt_cache_to(copy, length));
  });
}

kvcache_status kvcache_unrotate(kvcache_cache* cache, size_t* layers, kvcache_error** error) {
  return editing(cache, error, [&](PromptCache& copy) { put_number(layers, unrotate_prompt_cache(copy)); });
}

kvcache_status kvcache_convert(kvcache_cache* cache, const char* target, const kvcache_convert_options* options,
                               kvcache_error** error) {
  return calling(error, [&](Call& call) {
    kvcache_cache& of = wanted(cache, "cache");
    const kvcache_convert_options asked = given(options, "options");
    std::optional<Target> to = of.target;
    if (target != nullptr) {
      to = find_target(target);
      detail::require_writable(*to);
    }
    std::optional<std::string> model_type;
    if (asked.model != nullptr) {
      call.subject = asked.model;
      model_type = detail::given_model_type(call.subject);
    }
    call.subject = of.document.file.path();
    require_editable(of, Checked::sound);
    const Target chosen = to ? *to : Target(era_to_keep(of.document));
    std::string doubt;
    if (target != nullptr) doubt = detail::check_form(of.document, chosen.era(), model_type);
    EncodeOptions encoding = of.encoding;
    encoding.drop_model_state |= asked.drop_model_state != 0;
    encoding.drop_unset_slots |= asked.drop_unset_slots != 0;
    // What cannot be held there is said now.
    static_cast<void>(encode_edited(of.document.cache, of.document, chosen, encoding));
    if (!doubt.empty()) of.warnings.push_back(doubt + "; the model's config.json tells whether this is one");
    of.target = std::move(to);
    of.encoding = encoding;
    edited(of);
  });
}

kvcache_status kvcache_cast(kvcache_cache* cache, kvcache_dtype dtype, int32_t allow_overflow, size_t* layers,
                            kvcache_error** error) {
  return editing(cache, error,
                 [&](PromptCache& copy) { put_number(layers, cast_prompt_cache(copy, dtype_of(dtype), allow_overflow != 0)); });
}

kvcache_status kvcache_to_plain(kvcache_cache* cache, size_t* layers, kvcache_error** error) {
  return editing(cache, error, [&](PromptCache& copy) { put_number(layers, convert_to_plain(copy)); });
}

kvcache_status kvcache_to_rotating(kvcache_cache* cache, int64_t max_size, int64_t keep, size_t* layers, int64_t* dropped,
                                   kvcache_error** error) {
  return editing(cache, error, [&](PromptCache& copy) {
    const WindowsMade made = convert_to_rotating(copy, max_size, keep);
    put_number(layers, made.layers);
    put_number(dropped, made.dropped);
  });
}

kvcache_status kvcache_restore_children(kvcache_cache* cache, const char* spec, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    Document copy = copy_of(of.document);
    restore_children(copy, text(spec, "spec"));
    require_sound(copy);
    of.document = std::move(copy);
    of.checked = Checked::sound;
    edited(of);
  });
}

kvcache_status kvcache_quantize(kvcache_cache* cache, const kvcache_quantize_options* options, size_t* layers,
                                kvcache_error** error) {
  return editing(cache, error, [&](PromptCache& copy) {
    const kvcache_quantize_options asked = given(options, "options");
    QuantizeRequest request;
    if (asked.bits != 0) request.bits = asked.bits;
    if (asked.group_size != 0) request.group_size = asked.group_size;
    request.requantize = asked.requantize != 0;
    if (asked.layers != nullptr) {
      const std::set<std::size_t> chosen(asked.layers, asked.layers + asked.layer_count);
      if (!chosen.empty() && *chosen.rbegin() >= copy.layers.size())
        throw Error(ErrorKind::usage,
                    fmt::format("there is no layer {}: the cache has {}", *chosen.rbegin(), copy.layers.size()));
      request.wanted = [chosen](std::size_t layer) { return chosen.contains(layer); };
    }
    std::size_t changed = 0;
    for (const QuantizedLayer& layer : quantize_prompt_cache(copy, request)) changed += layer.quantized ? 1 : 0;
    put_number(layers, changed);
  });
}

kvcache_status kvcache_dequantize(kvcache_cache* cache, kvcache_dtype dtype, size_t* layers, kvcache_error** error) {
  return editing(cache, error, [&](PromptCache& copy) {
    const auto to = dtype == KVCACHE_DTYPE_NONE ? std::optional<Dtype>() : dtype_of(dtype);
    put_number(layers, dequantize_prompt_cache(copy, to));
  });
}

kvcache_status kvcache_append(kvcache_cache* cache, const kvcache_named_array* arrays, size_t count, int64_t* appended,
                              kvcache_error** error) {
  return editing(cache, error, [&](PromptCache& copy) {
    Arrays update;
    for (std::size_t i = 0; i < count; ++i) {
      NamedTensor array = borrowed_array((&wanted(arrays, "arrays"))[i]);
      update.insert_or_assign(std::move(array.key), owned(array.tensor));
    }
    append(copy, update, appended);
  });
}

kvcache_status kvcache_append_file(kvcache_cache* cache, const char* path, int64_t* appended, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    kvcache_cache& of = wanted(cache, "cache");
    call.subject = text(path, "path");
    const SafetensorsFile file = SafetensorsFile::open(call.subject);
    Arrays update;
    for (const TensorEntry& entry : file.header().tensors) update.emplace(entry.key, file.tensor(entry));
    call.subject = of.document.file.path();
    require_editable(of, Checked::sound);
    PromptCache copy = of.document.cache.copy();
    append(copy, update, appended);
    of.document.cache = std::move(copy);
    edited(of);
  });
}

kvcache_status kvcache_extract(kvcache_cache* cache, int64_t index, kvcache_error** error) {
  return editing(cache, error, [&](PromptCache& copy) { copy = extract_prompt_cache(copy, index); });
}

kvcache_status kvcache_filter(kvcache_cache* cache, const int64_t* indices, size_t count, kvcache_error** error) {
  return editing(cache, error, [&](PromptCache& copy) {
    if (count != 0) static_cast<void>(wanted(indices, "indices"));
    filter_prompt_cache(copy, {indices, count});
  });
}

kvcache_status kvcache_align(kvcache_cache* cache, const int64_t* right_padding, size_t count, kvcache_error** error) {
  return editing(cache, error, [&](PromptCache& copy) {
    Int32s padding;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t rows = (&wanted(right_padding, "right_padding"))[i];
      if (rows < 0 || rows > max_dim) throw Error(ErrorKind::usage, fmt::format("{} rows cannot be padding", rows));
      padding.push_back(static_cast<std::int32_t>(rows));
    }
    align_prompt_cache(copy, padding);
  });
}

kvcache_status kvcache_metadata_set(kvcache_cache* cache, const char* key, const char* value, int32_t force,
                                    kvcache_error** error) {
  return editing(
      cache, error,
      [&](PromptCache& copy) {
        const std::string name = text(key, "key");
        if (value == nullptr)
          detail::unset_metadata(copy, name);
        else
          detail::set_metadata(copy, name, value, force != 0);
      },
      Checked::intact);
}

kvcache_status kvcache_metadata_clear(kvcache_cache* cache, kvcache_error** error) {
  return editing(
      cache, error, [](PromptCache& copy) { copy.metadata.clear(); }, Checked::intact);
}

kvcache_status kvcache_stamp(kvcache_cache* cache, const kvcache_stamp_options* options, const kvcache_work* work,
                             kvcache_error** error) {
  return calling(error, [&](Call& call) {
    kvcache_cache& of = wanted(cache, "cache");
    const kvcache_stamp_options asked = given(options, "options");
    StampRequest request;
    request.time = asked.time == nullptr ? detail::stamp_time() : asked.time;
    request.tool = fmt::format("kvcache {}", kvcache_version());
    if (asked.token_ids != nullptr) request.token_ids.emplace(asked.token_ids, asked.token_ids + asked.token_count);
    if (asked.text != nullptr) request.text = detail::require_utf8(asked.text);
    if (asked.model != nullptr) {
      call.subject = asked.model;
      detail::add_model(request, call.subject);
    }
    const Work how = work_of(work);
    request.threads = how.threads;
    request.progress = how.progress;
    request.stop = how.stop;
    call.subject = of.document.file.path();
    require_editable(of, Checked::intact);
    const Target target = of.target ? *of.target : Target(era_to_keep(of.document));
    PromptCache stamped = of.document.cache.copy();
    const Stamp stamp = make_stamp(stamped, encoded(of), request);
    stamped.metadata.insert_or_assign(std::string(stamp_key), to_json(stamp));
    // From here on it is as if this had been opened: what later edits make untrue is taken out of the stamp.
    Encoded file = encode_edited(stamped, of.document, target, of.encoding);
    of.warnings.insert(of.warnings.end(), file.warnings.begin(), file.warnings.end());
    of.document = decode(SafetensorsFile::open(unwritten_source(std::move(file), call.subject)));
    of.target = target;
    edited(of);
  });
}

kvcache_status kvcache_repair(kvcache_cache* cache, size_t* repairs, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    if (of.edited)
      throw Error(ErrorKind::usage, "a cache that was edited is not repaired", "repair first, or save it and open that file");
    Document copy = copy_of(of.document);
    const RepairPlan plan = repair(copy);
    detail::require_repaired(plan);
    put_number(repairs, plan.repairs.size());
    if (plan.repairs.empty()) {
      of.as_it_is = true;
      return;
    }
    auto repaired = std::make_shared<const Encoded>(encode_repaired(copy, plan));
    const Dialect* const format = plan.layers_changed ? &dialect(era_to_keep(copy)) : copy.format;
    of.document = std::move(copy);
    edited(of);
    of.repaired = std::move(repaired);
    of.repaired_format = format;
  });
}
