// CLI11, without its ready-made validators: include this instead of <CLI/App.hpp>.
//
// They are objects with strings and functions in them, and every source that includes the header has its own: eight in each of
// fifty sources, made before main and taken down after it by every run, whatever it is asked: a quarter of the instructions of
// `kvcache --version` and 25 of its pages. None is used here (numbers are checked in options/numbers.h), so their names become
// null pointers: what used one of them would not compile. Other releases than the one that this was tried with are included as
// they are.
#pragma once

#include <CLI/Error.hpp>
#include <CLI/StringTools.hpp>
#include <CLI/TypeTools.hpp>
#include <CLI/Version.hpp>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#if CLI11_VERSION_MAJOR == 2 && CLI11_VERSION_MINOR == 1
#define ExistingFile *const ExistingFile = nullptr
#define ExistingDirectory *const ExistingDirectory = nullptr
#define ExistingPath *const ExistingPath = nullptr
#define NonexistentPath *const NonexistentPath = nullptr
#define ValidIPV4 *const ValidIPV4 = nullptr
#define Number(...) *const Number = nullptr
#define NonNegativeNumber(...) *const NonNegativeNumber = nullptr
#define PositiveNumber(...) *const PositiveNumber = nullptr
#include <CLI/Validators.hpp>
#undef ExistingFile
#undef ExistingDirectory
#undef ExistingPath
#undef NonexistentPath
#undef ValidIPV4
#undef Number
#undef NonNegativeNumber
#undef PositiveNumber
#endif

#include <CLI/App.hpp>
