// Files that are no safetensors files are called by their name.
#include "safetensors/file_kind.h"

#include <gtest/gtest.h>

#include "safetensors/container.h"
#include "support/errors.h"
#include "support/folder.h"

namespace kvcache {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

std::string kind_of(std::string_view start) {
  const detail::FileKind* kind = detail::file_kind(start);
  return kind == nullptr ? "" : std::string(kind->name);
}

TEST(FileKind, IsToldByTheStart) {
  const std::string tar = std::string(257, '\0') + "ustar\0"s + std::string(100, '\0');
  const std::pair<std::string_view, std::string_view> starts[] = {
      {"", "empty"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1048\n", "Git LFS"},
      {"/annex/objects/SHA256E-s1048--4d7a.safetensors\n", "git-annex"},
      {"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "sv, "AppleDouble"},
      {"<!DOCTYPE html><html>", "HTML"},
      {"\xEF\xBB\xBF\n  <!doctype HTML>", "HTML"},
      {"<HTML><head>", "HTML"},
      {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>", "XML"},
      {"GGUF\x03\x00\x00\x00"sv, "GGUF"},
      {"PK\x03\x04\x14\x00\x00\x00"sv, "zip"},
      {"PK\x03\x04\x00\x00\x00\x00\x00"sv, "zip"},
      {"PK\x05\x06\x00\x00\x00\x00"sv, "zip"},
      {"\x80\x02}q\x00X\x01\x00\x00\x00"sv, "pickle"},
      {"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00"sv, "pickle"},
      {"\x80\x02\x8a\nl\xfc\x9c\x46"sv, "pickle"},
      {"\x93NUMPY\x01\x00v\x00"sv, "NumPy"},
      {"\x89HDF\r\n\x1a\n"sv, "HDF5"},
      {"%PDF-1.7\n", "PDF"},
      {tar, "tar"},
      {"\x28\xb5\x2f\xfd\x04\x00"sv, "zstd"},
      {"\xfd"
       "7zXZ\x00\x00\x04"sv,
       "xz"},
      {"\x1f\x8b\x08\x00"sv, "gzip"},
      {R"({"error": "Repository not found"})", "JSON"},
      {R"([1, 2, 3])", "JSON"},
      {"Entry not found", "text"},
      {"hi", "text"},
      {"Zürich \xE2\x82\xAC", "text"},
  };
  for (const auto& [start, name] : starts)
    EXPECT_NE(kind_of(start).find(name), std::string::npos) << start.substr(0, 20) << ": " << kind_of(start);
}

TEST(FileKind, LongTextMayBeCutWithinACharacter) {
  std::string text;
  while (text.size() < detail::file_kind_bytes) text += "\xE2\x82\xAC";
  EXPECT_EQ(kind_of(std::string_view(text).substr(0, detail::file_kind_bytes)), "a text file");
}

TEST(FileKind, WhatBeginsAsSafetensorsDoesIsADamagedOne) {
  // Headers of 640, 1152 and 20,640 bytes: they begin like a pickle and like text.
  for (const std::string_view start : {"\x80\x02\x00\x00\x00\x00\x00\x00{\"0.0"sv, "\x80\x04\x00\x00\x00\x00\x00\x00{"sv,
                                       "\xa0P\x00\x00\x00\x00\x00\x00{\""sv, "\x80\x02\x00\x00\x00\x00\x00\x00"sv})
    EXPECT_EQ(kind_of(start), "");
  EXPECT_EQ(kind_of("\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5"), "");
  EXPECT_EQ(kind_of(std::string(100, '\0')), "");
}

TEST(FileKind, IsInTheErrorThatOpeningEndsWith) {
  const test::Folder folder;
  const auto error_of = [&](std::string_view bytes) {
    test::write_file(folder / "f", std::string(bytes));
    return *test::error_of([&] { (void)SafetensorsFile::open(folder / "f"); });
  };
  const Error pointer = error_of("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1048\n");
  EXPECT_EQ(pointer.code(), "KV103");
  EXPECT_STREQ(pointer.what(), "no safetensors file, but a Git LFS pointer");
  EXPECT_NE(pointer.remedy().text().find("git lfs pull"), std::string::npos);
  EXPECT_EQ(error_of("").code(), "KV101");
  EXPECT_EQ(error_of("").remedy().text().substr(0, 26), "its writer was interrupted");
  // Its length field is within what a header may have, but no header follows.
  EXPECT_STREQ(error_of("PK\x03\x04\x00\x00\x00\x00\x00"sv).what(), "no safetensors file, but a zip archive");
  // What is damaged in itself keeps its own words.
  EXPECT_STREQ(error_of("\x09\x00\x00\x00\x00\x00\x00\x00{\"a\": 1 x"sv).what(),
               "the header is not JSON: syntax error at byte 9, near '1 x'");
}

}  // namespace
}  // namespace kvcache
