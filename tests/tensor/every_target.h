// Runs a check with each instruction set that was compiled and that this machine has.
#pragma once

#include <gtest/gtest.h>

#include "hwy/targets.h"

namespace test {

template <class Check>
void on_every_target(const Check& check) {
  hwy::SetSupportedTargetsForTest(0);
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    check();
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace test
