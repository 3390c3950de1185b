// The table of model types: which caches each makes, as data (src/model/table).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/model_config.h"
#include "model/expression.h"

namespace kvcache::detail {

/// A field of config.json that a row reads.
struct ModelField {
  enum class Kind {
    size,    ///< from 1
    count,   ///< from 0
    flag,    ///< true or false
    list,    ///< or text, whose letters are its entries
    object,  ///< an object
    let,     ///< no field: a name for `absent`
  };
  Kind kind = Kind::size;
  std::string name;                  ///< "num_hidden_layers"; "linear_attn_config.num_heads" for one of an object
  std::optional<Expression> absent;  ///< what it is then; nothing: it has to be there
  std::optional<Expression> null;    ///< nothing: it must not be
  std::optional<Expression> zero;    ///< also of an empty list; nothing: it counts as it is
  std::string rule;                  ///< what the table says behind the name
};

/// "when CONDITION : CACHE".
struct CacheRule {
  std::optional<Expression> condition;  ///< nothing: for all others
  Expression cache;
  std::string text;  ///< as in the table
};

/// An expression, and words about it.
struct Remark {
  Expression condition;
  std::string text;
  std::string rule;  ///< the condition as in the table
};

struct ModelRow {
  enum class Text {
    none,      ///< text_config is not looked into
    required,  ///< all fields are in text_config
    top,       ///< or beside it, where there is none
    empty,     ///< or all are absent, where there is none
  };
  std::string type;
  std::string module;             ///< "llama": mlx_lm/models/llama.py
  std::vector<std::string> also;  ///< other names of the type
  Text text = Text::none;
  std::vector<ModelField> fields;              ///< in the order of the table
  std::vector<Remark> checks;                  ///< that must hold
  std::vector<Remark> notes;                   ///< said where they hold
  std::optional<Expression> layers;            ///< how many
  std::optional<Expression> before;            ///< a cache in front of the layers'
  std::vector<CacheRule> rules;                ///< the first that holds
  std::string layers_text, before_text;        ///< as in the table
  bool own_caches = false;                     ///< the model has a make_cache() of its own, so --max-kv-size changes nothing
  bool state_may_be_f32 = false;               ///< depending on the checkpoint
  std::string unquantized;                     ///< why its code cannot read quantized keys and values, or empty
  std::vector<std::string> traps;              ///< where a good guess is wrong
  std::map<std::string, std::string> example;  ///< values for a picture, in JSON; "[...]*8" is a list eight times

  bool swift = false;  ///< what mlx-swift-lm makes of the type, where that differs

  [[nodiscard]] const ModelField* field(std::string_view name) const;
  /// Where it was read: "mlx_lm/models/llama.py".
  [[nodiscard]] std::string source() const;
};

struct ModelTable {
  std::vector<ModelRow> rows;                  ///< by type
  std::vector<ModelRow> swift;                 ///< of types that mlx-swift-lm caches otherwise
  std::map<std::string, std::string> absent;   ///< names that mlx-lm has no module for, and what is known of them
  std::map<std::string, std::string> example;  ///< as that of a row, for fields that a row has no value of

  /// The row of a type, by any of its names; null when there is none.
  [[nodiscard]] const ModelRow* find(std::string_view type, ModelCode code = ModelCode::mlx_lm) const;
};

/// Throws std::invalid_argument naming the line: a fault of the table.
[[nodiscard]] ModelTable parse_model_table(std::string_view text);

/// The one of this build.
[[nodiscard]] const ModelTable& model_table();
/// Its text; made by cmake/parts.cmake from src/model/table.
[[nodiscard]] std::string_view model_table_text() noexcept;

}  // namespace kvcache::detail
