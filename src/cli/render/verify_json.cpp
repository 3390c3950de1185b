// `kvcache verify --json`.
#include "documents/verify_json.h"

#include "cli/render/json.h"
#include "cli/render/verify_output.h"

namespace kvcache::cli {
namespace {

class JsonOutput final : public VerifyOutput {
 public:
  void add(const FileReport& report) override { document_.add(report); }
  void finish(const VerifyCounts& counts) override { print_json(document_.finish(counts)); }

 private:
  documents::VerifyJson document_;
};

}  // namespace

std::unique_ptr<VerifyOutput> make_verify_json(const Context&, bool) {
  return std::make_unique<JsonOutput>();
}

}  // namespace kvcache::cli
