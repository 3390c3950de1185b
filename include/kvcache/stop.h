// Asking what takes long to stop: one call, or all there are.
#pragma once

#include <atomic>
#include <memory>

namespace [[gnu::visibility("default")]] kvcache {

/// Asks the calls that it was given to. They look between pieces of work, leave nothing half done behind and throw
/// Error(interrupted). Copies are the same request, and it cannot be taken back.
class StopToken {
 public:
  StopToken() = default;                                ///< nobody will ask
  [[nodiscard]] static StopToken make();                ///< one to ask with
  void request_stop() const noexcept;                   ///< from any thread; with make() only, else nothing happens
  [[nodiscard]] bool stop_requested() const noexcept {  ///< somebody has asked
    return requested_ != nullptr && requested_->load(std::memory_order_relaxed);
  }

 private:
  std::shared_ptr<std::atomic<bool>> requested_;
};

/// Asks every call of the process while it is not 0: a program sets it from a signal handler.
[[nodiscard]] std::atomic<int>& stop_requested() noexcept;

}  // namespace kvcache
