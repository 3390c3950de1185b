#include "cli/terminal/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "cli/terminal/duration.h"
#include "cli/terminal/words.h"
#include "platform/terminal.h"

namespace kvcache::cli {
namespace {

constexpr auto patience = std::chrono::milliseconds(500);
constexpr auto interval = std::chrono::milliseconds(100);
constexpr std::size_t widest_bar = 30;
constexpr std::size_t narrowest_bar = 8;
constexpr auto wipe_line = "\r\x1b[K";

/// "1.20 of 2.80 GB", or with two units where they differ.
std::string bytes_text(std::uint64_t done, std::uint64_t total) {
  std::string part = human_bytes(static_cast<double>(done));
  const std::string whole = human_bytes(static_cast<double>(total));
  const std::size_t unit = part.find(' ');
  if (whole.ends_with(part.substr(unit))) part.resize(unit);
  return fmt::format("{} of {}", part, whole);
}

}  // namespace

std::string progress_line(const std::string& label, std::uint64_t done, std::uint64_t total, double seconds,
                          std::size_t width) {
  const double part = static_cast<double>(done) / static_cast<double>(total);
  const std::string percent = fmt::format("{:3.0f}%", 100 * part);
  const std::string bytes = "  " + bytes_text(done, total);
  const std::string rate = seconds > 0 ? fmt::format("  {}/s", human_bytes(static_cast<double>(done) / seconds)) : "";
  const std::string left = done > 0 ? fmt::format("  {} left", time_text(seconds / part - seconds)) : "";
  const std::string bare = label + ' ';
  const std::string full = bytes + rate + left;
  // The two brackets and a blank.
  const std::size_t beside = columns(bare) + percent.size() + full.size() + 3;
  if (beside + narrowest_bar <= width) {
    const std::size_t bar = std::min(widest_bar, width - beside);
    const auto filled = static_cast<std::size_t>(part * static_cast<double>(bar));
    return fmt::format("{}[{}{}] {}{}", bare, std::string(filled, '#'), std::string(bar - filled, ' '), percent, full);
  }
  for (const std::string& text :
       {fmt::format("{}{}{}", bare, percent, full), fmt::format("{}{}{}{}", bare, percent, bytes, left),
        fmt::format("{}{}{}", bare, percent, left), bare + percent})
    if (columns(text) <= width) return text;
  return percent.size() <= width ? percent : std::string();
}

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
  const double seconds = std::chrono::duration<double>(now - start_).count();
  // One column less than there are: a line that fills the last one may be continued on the next.
  const std::string line = wipe_line + progress_line(label_, done, total, seconds, text_width(stderr) - 1);
  (void)std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace kvcache::cli
