// Fetching what will be needed before it is, several pieces at once, with bounded memory.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "kvcache/byte_source.h"
#include "remote/pieces.h"

namespace kvcache::remote {

struct ReadAheadLimits {
  std::uint64_t piece = 3U << 19U;    ///< bytes of one request at most
  std::uint64_t window = 24U << 20U;  ///< bytes that are on their way or wait to be read
  std::uint64_t gap = 64U << 10U;     ///< ranges closer than this are fetched as one
  unsigned in_flight = 16;            ///< requests at once
  std::uint64_t block = 64U << 10U;   ///< what nobody announced is fetched in such blocks, where it is less than one
  std::size_t blocks = 64;            ///< of which so many are kept
  std::uint64_t proof = 512U << 10U;  ///< who reads so much in one go without saying so will want what follows
  std::uint64_t ahead = 8U << 20U;    ///< how far ahead of such a reader to be at most
};

class ReadAhead {
 public:
  /// Fills the bytes from there; called from several threads. `cancelled` becomes true when nobody wants them any more.
  using Fetch = std::function<void(std::uint64_t offset, std::span<std::byte> out, const std::atomic<bool>& cancelled)>;

  /// Of bytes [begin, end).
  ReadAhead(Fetch fetch, std::uint64_t begin, std::uint64_t end, ReadAheadLimits limits = {});
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  ~ReadAhead();

  /// These will be needed, more or less in this order. What was announced earlier and has not begun is forgotten.
  void plan(std::span<const ByteRange> ranges);
  /// Throws what fetching throws.
  void read(std::uint64_t offset, std::span<std::byte> out);

 private:
  struct Piece {
    enum class State { waiting, fetching, ready, failed } state = State::waiting;
    ByteRange range;
    std::uint64_t wanted = 0;  // bytes after which nobody will ask for it again
    std::uint64_t taken = 0;
    std::uint64_t ahead = 0;  // nobody announced it: when it is read, so much after it will be, too
    std::vector<std::byte> bytes;
    std::exception_ptr failure;
  };
  using PiecePtr = std::shared_ptr<Piece>;
  using Lock = std::unique_lock<std::mutex>;

  void start_threads(std::size_t pieces);
  void work();
  void fetch(const PiecePtr& piece, Lock& lock);
  void add(const PlannedPiece& planned, std::uint64_t ahead);
  void guess(std::uint64_t offset, std::uint64_t size);
  void go_ahead(std::uint64_t from, std::uint64_t ahead);
  [[nodiscard]] PiecePtr at(std::uint64_t offset) const;
  [[nodiscard]] std::uint64_t next_piece(std::uint64_t offset) const;
  void take_from(const PiecePtr& piece, std::uint64_t offset, std::span<std::byte> out, Lock& lock);
  void drop(const PiecePtr& piece);
  void make_room();
  void read_unannounced(std::uint64_t offset, std::span<std::byte> out);

  const Fetch fetch_;
  const std::uint64_t begin_, end_;
  const ReadAheadLimits limits_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> stop_ = false;
  std::map<std::uint64_t, PiecePtr> pieces_;  // by offset; they do not overlap
  std::deque<PiecePtr> queue_;                // those that wait, in the order of their need
  std::list<PiecePtr> ready_;                 // the oldest first
  std::uint64_t memory_ = 0;                  // of pieces on their way or ready
  struct Stream {
    std::uint64_t next, run;  // where it would go on, and how much it has read until there
  };
  std::list<Stream> streams_;  // of readers that announced nothing, the last one first
  std::vector<std::thread> threads_;

  std::mutex blocks_mutex_;
  std::list<std::pair<std::uint64_t, std::vector<std::byte>>> blocks_;  // by use, the last one first
};

}  // namespace kvcache::remote
