// `kvcache verify --json`.
#include "documents/verify_json.h"

#include "cli/files/remote_use.h"
#include "cli/render/json.h"
#include "cli/render/verify_output.h"

namespace kvcache::cli {
namespace {

class JsonOutput final : public VerifyOutput {
 public:
  explicit JsonOutput(const Context& context) : context_(context) {}
  void add(const FileReport& report, bool) override { document_.add(report); }
  void finish(const VerifyCounts& counts) override { print_json(with_usage(context_, document_.finish(counts))); }

 private:
  const Context& context_;
  documents::VerifyJson document_;
};

}  // namespace

std::unique_ptr<VerifyOutput> make_verify_json(const Context& context, const VerifyShow&) {
  return std::make_unique<JsonOutput>(context);
}

}  // namespace kvcache::cli
