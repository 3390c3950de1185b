// The steps of repair(), each of one kind of finding.
#pragma once

#include "kvcache/repair.h"

namespace kvcache::detail {

/// KV119, KV120, KV121: writing alone cures them.
void repair_container(Document& document, RepairPlan& plan);
/// KV202: a key outside the sections moves into the user's, where it means nothing to any loader and is not lost.
void repair_keys(Document& document, RepairPlan& plan);
/// KV4xx and KV701: fields that contradict the arrays or the other layers.
void repair_layers(Document& document, RepairPlan& plan);
/// KV503: layers in the form of another format than most others.
void repair_formats(Document& document, RepairPlan& plan);

/// Take the findings out of the document that a repair has cured.
void drop_findings(Document& document, std::string_view code);

}  // namespace kvcache::detail
