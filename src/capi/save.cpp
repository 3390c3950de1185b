// Saving: into a file, into memory, into what a program has.
#include <fmt/format.h>

#include "capi/call.h"
#include "capi/handles.h"

namespace kvcache::capi {
namespace {

class ProgramSink final : public ByteSink {
 public:
  ProgramSink(const kvcache_sink& sink, std::string label) : sink_(sink), label_(std::move(label)) {}
  ~ProgramSink() override { ProgramSink::abort(); }
  ProgramSink(const ProgramSink&) = delete;
  ProgramSink& operator=(const ProgramSink&) = delete;
  [[nodiscard]] std::string label() const override { return label_; }
  void reserve(std::uint64_t size) override {
    if (sink_.reserve != nullptr) check("reserve()", sink_.reserve(sink_.context, size));
  }
  void write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    if (!data.empty()) check("write_at()", sink_.write_at(sink_.context, offset, data.data(), data.size()));
  }
  void commit() override {
    if (sink_.commit != nullptr) check("commit()", sink_.commit(sink_.context));
    done_ = true;
  }
  void abort() noexcept override {
    if (done_) return;
    done_ = true;
    if (sink_.abort != nullptr) sink_.abort(sink_.context);
  }

 private:
  void check(const char* what, std::int32_t failed) const {
    if (failed != 0) throw Error(ErrorKind::io, fmt::format("cannot be written: {} failed with {}", what, failed));
  }
  kvcache_sink sink_;
  std::string label_;
  bool done_ = false;
};

/// `to`: a path or a sink. Errors are about the output, but for those of values and of reading.
template <typename Output>
void save_to(Output& to, const std::string& name, const kvcache_cache& cache, const WriteOptions& how, Call& call,
             kvcache_result** result) {
  const Document& document = cache.document;
  call.subject = document.file.path();
  auto done = std::make_unique<kvcache_result>();
  done->warnings = cache.warnings;
  Encoded file;
  if (!cache.as_it_is) {
    if (cache.checked == Checked::no && !only_unknown_layouts(check(document))) require_sound(document);
    file = encoded(cache);
    done->dropped = carry_stamp(document, document.cache, file).dropped;
    done->warnings.insert(done->warnings.end(), file.warnings.begin(), file.warnings.end());
  }
  try {
    done->bytes =
        cache.as_it_is ? copy_safetensors(to, document.file, how) : write_safetensors(to, file.tensors, file.metadata, how);
  } catch (const Error& error) {
    const bool of_input = error.kind() == ErrorKind::impossible || error.code() == "KV100";
    if (!of_input) call.subject = name;
    throw;
  }
  if (result != nullptr) *result = done.release();
}

WriteOptions write_options(const kvcache_save_options* options, const kvcache_work* work) {
  const kvcache_save_options asked = given(options, "options");
  const Work how = work_of(work);
  WriteOptions out;
  out.overwrite = asked.overwrite != 0;
  out.gzip = asked.gzip != 0;
  out.private_mode = asked.public_mode == 0;
  out.keep_mode_of = text_or_empty(asked.keep_mode_of);
  out.threads = how.threads;
  out.progress = how.progress;
  out.stop = how.stop;
  return out;
}

}  // namespace
}  // namespace kvcache::capi

using namespace kvcache;
using namespace kvcache::capi;

kvcache_status kvcache_save(const kvcache_cache* cache, const char* path, const kvcache_save_options* options,
                            const kvcache_work* work, kvcache_result** result, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    if (result != nullptr) *result = nullptr;
    const std::string to = text(path, "path");
    call.subject = to;
    save_to(to, to, wanted(cache, "cache"), write_options(options, work), call, result);
  });
}

kvcache_status kvcache_save_memory(const kvcache_cache* cache, const kvcache_save_options* options, const kvcache_work* work,
                                   kvcache_buffer** buffer, kvcache_result** result, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    wanted(buffer, "buffer") = nullptr;
    if (result != nullptr) *result = nullptr;
    MemorySink sink;
    auto out = std::make_unique<kvcache_buffer>();
    save_to(static_cast<ByteSink&>(sink), sink.label(), wanted(cache, "cache"), write_options(options, work), call, result);
    out->bytes = sink.take();
    *buffer = out.release();
  });
}

kvcache_status kvcache_save_stream(const kvcache_cache* cache, int descriptor, const char* label,
                                   const kvcache_save_options* options, const kvcache_work* work, kvcache_result** result,
                                   kvcache_error** error) {
  return calling(error, [&](Call& call) {
    if (result != nullptr) *result = nullptr;
    const std::unique_ptr<ByteSink> to = stream_sink(descriptor, label == nullptr ? "stream" : label);
    save_to(*to, to->label(), wanted(cache, "cache"), write_options(options, work), call, result);
  });
}

kvcache_status kvcache_save_sink(const kvcache_cache* cache, const kvcache_sink* sink, const kvcache_save_options* options,
                                 const kvcache_work* work, kvcache_result** result, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    if (result != nullptr) *result = nullptr;
    const kvcache_sink asked = given(&wanted(sink, "sink"), "sink");
    if (asked.write_at == nullptr) throw Error(ErrorKind::usage, "sink.write_at is NULL");
    ProgramSink to(asked, asked.label == nullptr ? "sink" : asked.label);
    save_to(static_cast<ByteSink&>(to), to.label(), wanted(cache, "cache"), write_options(options, work), call, result);
  });
}

void kvcache_result_free(kvcache_result* result) {
  delete result;
}
uint64_t kvcache_result_bytes(const kvcache_result* result) {
  return result == nullptr ? 0 : result->bytes;
}
size_t kvcache_result_warning_count(const kvcache_result* result) {
  return result == nullptr ? 0 : result->warnings.size();
}
const char* kvcache_result_warning(const kvcache_result* result, size_t index) {
  return result == nullptr || index >= result->warnings.size() ? nullptr : result->warnings[index].c_str();
}
size_t kvcache_result_dropped_count(const kvcache_result* result) {
  return result == nullptr ? 0 : result->dropped.size();
}
const char* kvcache_result_dropped(const kvcache_result* result, size_t index) {
  return result == nullptr || index >= result->dropped.size() ? nullptr : result->dropped[index].c_str();
}

void kvcache_buffer_free(kvcache_buffer* buffer) {
  delete buffer;
}
const void* kvcache_buffer_data(const kvcache_buffer* buffer) {
  return buffer == nullptr ? nullptr : buffer->bytes.data();
}
size_t kvcache_buffer_size(const kvcache_buffer* buffer) {
  return buffer == nullptr ? 0 : buffer->bytes.size();
}
