#include "cli/options/dtype_option.h"

#include "cli/options/choice.h"

namespace kvcache::cli {

CLI::Option* add_dtype(CLI::App& app, std::optional<Dtype>& value, const std::string& description) {
  const auto store = [&value](const std::string& text) {
    if (text == "f16") {
      value = Dtype::F16;
    } else if (text == "bf16") {
      value = Dtype::BF16;
    } else {
      value = Dtype::F32;
    }
  };
  return app.add_option_function<std::string>("--dtype", store, description)
      ->check(one_of({"f16", "bf16", "f32"}))
      ->type_name("f16|bf16|f32");
}

}  // namespace kvcache::cli
