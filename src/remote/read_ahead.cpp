#include "remote/read_ahead.h"

#include <algorithm>
#include <array>
#include <system_error>

namespace kvcache::remote {

ReadAhead::ReadAhead(Fetch fetch, std::uint64_t begin, std::uint64_t end, ReadAheadLimits limits)
    : fetch_(std::move(fetch)), begin_(begin), end_(end), limits_(limits) {}

ReadAhead::~ReadAhead() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    queue_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ReadAhead::plan(std::span<const ByteRange> ranges) {
  const std::vector<PlannedPiece> planned = plan_pieces(ranges, begin_, end_, limits_.gap, limits_.piece);
  const std::lock_guard lock(mutex_);
  for (const PiecePtr& piece : queue_) pieces_.erase(piece->range.offset);
  queue_.clear();
  for (const PlannedPiece& piece : planned) add(piece, 0);
  start_threads(queue_.size());
  changed_.notify_all();
}

// Several readers may be at work, each in a place of its own: as many as threads read two arrays each.
constexpr std::size_t most_streams = 32;

void ReadAhead::guess(std::uint64_t offset, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [&](const Stream& s) { return offset >= s.next && offset - s.next < limits_.gap; });
  Stream stream{offset, 0};
  if (found != streams_.end()) {
    stream = *found;
    streams_.erase(found);
  } else if (streams_.size() == most_streams) {
    streams_.pop_back();
  }
  stream = {offset + size, stream.run + size};
  streams_.push_front(stream);
  if (stream.run > size && stream.run >= limits_.proof) go_ahead(stream.next, std::min(stream.run, limits_.ahead));
}

void ReadAhead::go_ahead(std::uint64_t from, std::uint64_t ahead) {
  // What was fetched for readers that turned elsewhere makes room.
  while (memory_ + ahead > limits_.window && !ready_.empty() && ready_.front()->ahead > 0) {
    const PiecePtr oldest = ready_.front();
    drop(oldest);
  }
  const std::array range{ByteRange{from, ahead}};
  for (const PlannedPiece& piece : plan_pieces(range, begin_, end_, limits_.gap, limits_.piece))
    add(piece, std::min(2 * ahead, limits_.ahead));
  start_threads(queue_.size());
  changed_.notify_all();
}

void ReadAhead::add(const PlannedPiece& planned, std::uint64_t ahead) {
  const std::uint64_t end = planned.range.offset + planned.range.size;
  std::uint64_t offset = planned.range.offset;
  while (offset < end) {
    if (const PiecePtr there = at(offset)) {
      // On its way for somebody else: it is wanted once more.
      const std::uint64_t shared = std::min(end, there->range.offset + there->range.size) - offset;
      if (ahead == 0) there->wanted += shared;
      offset += shared;
      continue;
    }
    const std::uint64_t size = std::min(end, next_piece(offset)) - offset;
    auto piece = std::make_shared<Piece>();
    piece->range = {offset, size};
    piece->wanted = std::min(size, planned.wanted);
    piece->ahead = ahead;
    pieces_.emplace(offset, piece);
    queue_.push_back(std::move(piece));
    offset += size;
  }
}

void ReadAhead::start_threads(std::size_t pieces) {
  const std::size_t wanted = std::min<std::size_t>(limits_.in_flight, pieces);
  try {
    while (threads_.size() < wanted) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // No more threads to be had: with fewer it is slower, and with none readers fetch for themselves.
  }
}

void ReadAhead::work() {
  Lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] {
      return stop_ || (!queue_.empty() && (memory_ == 0 || memory_ + queue_.front()->range.size <= limits_.window));
    });
    if (stop_) return;
    const PiecePtr piece = queue_.front();
    queue_.pop_front();
    fetch(piece, lock);
  }
}

void ReadAhead::fetch(const PiecePtr& piece, Lock& lock) {
  piece->state = Piece::State::fetching;
  memory_ += piece->range.size;
  lock.unlock();
  std::exception_ptr failure;
  std::vector<std::byte> bytes;
  try {
    bytes.resize(piece->range.size);
    fetch_(piece->range.offset, bytes, stop_);
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  piece->bytes = std::move(bytes);
  piece->failure = failure;
  piece->state = failure ? Piece::State::failed : Piece::State::ready;
  if (failure) {
    memory_ -= piece->range.size;
    piece->bytes = {};
    // Whoever needs one of the others asks for it.
    for (const PiecePtr& other : queue_) pieces_.erase(other->range.offset);
    queue_.clear();
  } else {
    ready_.push_back(piece);
  }
  changed_.notify_all();
}

ReadAhead::PiecePtr ReadAhead::at(std::uint64_t offset) const {
  auto after = pieces_.upper_bound(offset);
  if (after == pieces_.begin()) return nullptr;
  const PiecePtr& piece = std::prev(after)->second;
  return offset - piece->range.offset < piece->range.size ? piece : nullptr;
}

std::uint64_t ReadAhead::next_piece(std::uint64_t offset) const {
  const auto after = pieces_.upper_bound(offset);
  return after == pieces_.end() ? end_ : after->first;
}

void ReadAhead::drop(const PiecePtr& piece) {
  const auto found = pieces_.find(piece->range.offset);
  if (found == pieces_.end() || found->second != piece) return;  // somebody else did
  pieces_.erase(found);
  if (piece->state == Piece::State::ready) {
    ready_.remove(piece);
    memory_ -= piece->range.size;
  }
  changed_.notify_all();
}

void ReadAhead::make_room() {
  while (memory_ > limits_.window && !ready_.empty()) {
    const PiecePtr oldest = ready_.front();
    drop(oldest);
  }
}

void ReadAhead::take_from(const PiecePtr& piece, std::uint64_t offset, std::span<std::byte> out, Lock& lock) {
  if (piece->state == Piece::State::waiting) {
    queue_.erase(std::find(queue_.begin(), queue_.end(), piece));
    make_room();
    fetch(piece, lock);
  }
  changed_.wait(lock, [&] { return piece->state != Piece::State::fetching; });
  if (piece->state == Piece::State::failed) {
    drop(piece);
    std::rethrow_exception(piece->failure);
  }
  if (piece->taken == 0 && piece->ahead > 0) go_ahead(piece->range.offset + piece->range.size, piece->ahead);
  lock.unlock();
  const auto from = piece->bytes.begin() + static_cast<std::ptrdiff_t>(offset - piece->range.offset);
  std::copy_n(from, out.size(), out.begin());
  lock.lock();
  piece->taken += out.size();
  if (piece->taken >= piece->wanted) drop(piece);
}

void ReadAhead::read(std::uint64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    std::uint64_t n = 0;
    {
      Lock lock(mutex_);
      if (const PiecePtr piece = at(offset)) {
        n = std::min<std::uint64_t>(out.size(), piece->range.offset + piece->range.size - offset);
        take_from(piece, offset, out.first(n), lock);
      } else {
        n = std::min<std::uint64_t>(out.size(), next_piece(offset) - offset);
        lock.unlock();
        read_unannounced(offset, out.first(n));
      }
    }
    offset += n;
    out = out.subspan(n);
  }
}

// Small arrays that lie together come with one request.
void ReadAhead::read_unannounced(std::uint64_t offset, std::span<std::byte> out) {
  guess(offset, out.size());
  if (out.size() >= limits_.block) return fetch_(offset, out, stop_);
  const std::lock_guard lock(blocks_mutex_);
  while (!out.empty()) {
    const std::uint64_t start = std::max(begin_, offset / limits_.block * limits_.block);
    auto block = std::find_if(blocks_.begin(), blocks_.end(), [&](const auto& kept) { return kept.first == start; });
    if (block == blocks_.end()) {
      std::vector<std::byte> bytes(std::min(end_, (offset / limits_.block + 1) * limits_.block) - start);
      fetch_(start, bytes, stop_);
      if (blocks_.size() == limits_.blocks) blocks_.pop_back();
      blocks_.emplace_front(start, std::move(bytes));
    } else {
      blocks_.splice(blocks_.begin(), blocks_, block);
    }
    const std::vector<std::byte>& bytes = blocks_.front().second;
    const std::size_t n = std::min<std::uint64_t>(out.size(), start + bytes.size() - offset);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset - start), n, out.begin());
    offset += n;
    out = out.subspan(n);
  }
}

}  // namespace kvcache::remote
