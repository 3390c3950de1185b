// What the tool prints as JSON.
#include "capi/answers.h"
#include "capi/call.h"
#include "catalog/verify_files.h"
#include "documents/inspect_json.h"
#include "documents/verify_json.h"
#include "kvcache/model_folder.h"
#include "kvcache/stats.h"

using namespace kvcache;
using namespace kvcache::capi;

kvcache_status kvcache_inspect(const kvcache_cache* cache, int32_t stats, const kvcache_work* work, char** json,
                               kvcache_error** error) {
  return calling(error, [&](Call& call) {
    wanted(json, "json") = nullptr;
    const kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    const Work how = work_of(work);
    const Document& document = as_saved(of);
    std::optional<CacheStats> found;
    if (stats != 0) {
      StatsOptions options;
      options.threads = how.threads;
      options.progress = how.progress;
      options.stop = how.stop;
      found = statistics(document.cache, options);
    }
    *json = new_string(documents::json_text(documents::inspect_json(document, found ? &*found : nullptr)));
  });
}

kvcache_status kvcache_verify(const char* const* paths, size_t count, const kvcache_verify_options* options,
                              const kvcache_work* work, char** json, int32_t* worst, kvcache_error** error) {
  return calling(error, [&](Call& call) {
    wanted(json, "json") = nullptr;
    const kvcache_verify_options asked = given(options, "options");
    catalog::FilesToVerify files;
    for (std::size_t i = 0; i < count; ++i) files.paths.push_back(text((&wanted(paths, "paths"))[i], "path"));
    files.recursive = asked.recursive != 0;
    const Work how = work_of(work);
    files.threads = how.threads;
    files.how.data = asked.data != 0;
    files.how.fix = asked.fix != 0;
    files.how.progress = how.progress;
    files.how.stop = how.stop;
    for (std::size_t i = 0; i < asked.load_in_count; ++i)
      catalog::add_loader(files.how, text((&wanted(asked.load_in, "options.load_in"))[i], "options.load_in"));
    if (asked.model != nullptr) {
      call.subject = asked.model;
      files.how.model = std::make_shared<const ModelFolder>(read_model_folder(call.subject));
      call.subject.clear();
    }
    documents::VerifyJson document;
    std::int32_t code = 0;
    const catalog::VerifyCounts counts = catalog::verify_files(files, [&](const FileReport& report, bool) {
      const std::int32_t one = report.failure ? status_of(*report.failure) : report.status == Status::errors ? 1 : 0;
      code = std::max(code, one);
      document.add(report);
    });
    *json = new_string(documents::json_text(document.finish(counts)));
    put_number(worst, code);
  });
}
