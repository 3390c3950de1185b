#include "cli/terminal/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "cli/terminal/words.h"
#include "platform/terminal.h"

namespace kvcache::cli {
namespace {

constexpr auto patience = std::chrono::milliseconds(500);
constexpr auto interval = std::chrono::milliseconds(100);
constexpr std::size_t bar_width = 30;
constexpr auto wipe_line = "\r\x1b[K";

}  // namespace

ProgressBar::ProgressBar(const Context& context, std::string label)
    : label_(std::move(label)),
      wanted_(context.progress && !context.quiet && detail::is_terminal(stderr)),
      next_(start_ + patience) {}

ProgressBar::~ProgressBar() {
  wipe();
}

void ProgressBar::wipe() {
  if (visible_) (void)std::fputs(wipe_line, stderr);
  visible_ = false;
}

Progress ProgressBar::callback() {
  if (!wanted_) return {};
  return [this](std::uint64_t done, std::uint64_t total) { show(done, total); };
}

void ProgressBar::show(std::uint64_t done, std::uint64_t total) {
  if (done >= total) return wipe();
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + interval;
  visible_ = true;
  const double part = static_cast<double>(done) / static_cast<double>(total);
  const auto filled = static_cast<std::size_t>(part * bar_width);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const std::string line =
      fmt::format("{}{} [{}{}] {:3.0f}%  {}/s", wipe_line, label_, std::string(filled, '#'),
                  std::string(bar_width - filled, ' '), 100 * part, human_bytes(static_cast<double>(done) / seconds));
  (void)std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace kvcache::cli
