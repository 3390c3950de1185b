#include "safetensors/data_pass.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <unordered_map>

#include "platform/file.h"
#include "platform/holes.h"
#include "safetensors/gather.h"
#include "safetensors/tiles.h"
#include "tensor/scan.h"

namespace kvcache::detail {
namespace {

// Large enough that handing out pieces costs nothing, small enough that threads end together and a stop is noticed soon.
constexpr std::uint64_t piece_bytes = 8U << 20U;
// Of little there is to be something for each thread, and for the disk to begin with.
constexpr std::uint64_t smallest_piece = 1U << 20U;
// Beyond half a terabyte the pieces grow instead of their number.
constexpr std::uint64_t most_pieces = 65536;

std::uint64_t step_for(std::uint64_t step, std::uint64_t whole) {
  return std::max<std::uint64_t>(1, (whole / most_pieces + step - 1) / step) * step;
}

// A piece of the work. A tiled computation gives pieces of its units; everything else is cut by position in the file, across
// tensors, so that twenty thousand small ones are a few large writes.
struct Task {
  const TiledComputation* tiled = nullptr;  ///< or nullptr: bytes of the file
  std::uint64_t begin = 0;                  ///< units, or position in the file
  std::uint64_t end = 0;
};

class DataPass {
 public:
  DataPass(ByteSink& out, std::uint64_t data_begin, const std::vector<NamedTensor>& tensors, DataObserver* observer)
      : out_(out), observer_(observer) {
    std::uint64_t position = data_begin;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const Tensor& tensor = tensors[i].tensor;
      const std::uint64_t end = position + tensor.nbytes();
      // What computes several outputs at once writes them itself, past an observer.
      const bool tiled = observer == nullptr && end > position && find_tiled(tensor, position);
      if (end > position) placed_.push_back({&tensor, i, position, end, tiled});
      position = end;
    }
    end_ = position;
    for (const auto& [computation, tiled] : tiled_) cut_units(tiled);
    cut_bytes(data_begin, position);
    // By position in the file: for the disk, and so that of several errors the first in the file is reported.
    std::stable_sort(tasks_.begin(), tasks_.end(),
                     [](const Task& a, const Task& b) { return position_of(a) < position_of(b); });
  }

  void run(const WriteOptions& how, ProgressMeter& progress) const {
    scan(tasks_.size(), how.threads, how.stop, [&](std::uint64_t i) { progress.add(write(tasks_[i])); });
    if (has_holes_) reach(out_.descriptor(), end_);
  }

 private:
  struct Placed {
    const Tensor* tensor;
    std::size_t index;    // among those that are written
    std::uint64_t begin;  // in the file
    std::uint64_t end;
    bool tiled;
  };

  bool find_tiled(const Tensor& tensor, std::uint64_t position) {
    const auto whole = whole_output(tensor);
    if (!whole) return false;
    TiledComputation& tiled = tiled_.try_emplace(whole->computation, *whole->computation).first->second;
    tiled.positions[whole->output].push_back(position);
    return true;
  }

  void cut_units(const TiledComputation& tiled) {
    const std::uint64_t units = tiled.computation->units();
    const std::uint64_t step = step_for(tiled.units_in(piece_bytes), units);
    for (std::uint64_t first = 0; first < units; first += step)
      tasks_.push_back({&tiled, first, std::min(units, first + step)});
  }

  void cut_bytes(std::uint64_t begin, std::uint64_t end) {
    const std::uint64_t piece = std::clamp(std::bit_floor((end - begin) / 8), smallest_piece, piece_bytes);
    const std::uint64_t step = step_for(piece, end - begin);
    while (begin < end) {
      const std::uint64_t next = std::min(end, (begin / step + 1) * step);
      tasks_.push_back({nullptr, begin, next});
      begin = next;
    }
  }

  static std::uint64_t position_of(const Task& task) {
    if (task.tiled == nullptr) return task.begin;
    std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
    for (std::size_t k = 0; k < task.tiled->positions.size(); ++k) {
      for (const std::uint64_t position : task.tiled->positions[k]) {
        first = std::min(first, position + task.begin * task.tiled->computation->unit_bytes(k));
      }
    }
    return first;
  }

  // Returns how many bytes it wrote.
  std::uint64_t write(const Task& task) const {
    if (task.tiled != nullptr) return task.tiled->write(out_, task.begin, task.end);
    Gather gather(out_, task.begin);
    std::uint64_t written = 0;
    auto placed = std::upper_bound(placed_.begin(), placed_.end(), task.begin,
                                   [](std::uint64_t position, const Placed& p) { return position < p.end; });
    for (; placed != placed_.end() && placed->begin < task.end; ++placed) {
      const std::uint64_t begin = std::max(placed->begin, task.begin) - placed->begin;
      const std::uint64_t end = std::min(placed->end, task.end) - placed->begin;
      if (placed->tiled) {
        gather.skip(end - begin);
      } else {
        copy(*placed, begin, end, gather);
        written += end - begin;
      }
    }
    gather.flush();
    if (written > 0) out_.complete({task.begin, task.end - task.begin});
    return written;
  }

  /// Zeros at this place of an extent that need not be written where the sink can have a hole.
  static std::uint64_t zeros_at(const Extent& extent, std::uint64_t done) {
    if (extent.kind == Extent::Kind::zeros) return extent.length - done;
    if (extent.kind != Extent::Kind::source) return 0;
    return hole_at(extent.source->descriptor(), extent.offset + done, extent.length - done);
  }

  void copy(const Placed& placed, std::uint64_t begin, std::uint64_t end, Gather& gather) const {
    placed.tensor->visit(begin, end, [&](const Extent& extent) {
      for (std::uint64_t done = 0; done < extent.length;) {
        const std::uint64_t zeros = zeros_at(extent, done);
        std::uint64_t run = zeros;
        if (make_hole(out_.descriptor(), gather.position(), zeros)) {
          has_holes_ = true;
          if (observer_ != nullptr) observer_->zeros(placed.index, begin + done, zeros);
          gather.skip(zeros);
        } else {
          const std::uint64_t rest = extent.length - done - zeros;
          if (extent.kind == Extent::Kind::source)
            run += data_at(extent.source->descriptor(), extent.offset + done + zeros, rest);
          else
            run += rest;
          fill(placed, begin, extent, done, run, gather);
        }
        done += run;
      }
      begin += extent.length;
    });
  }

  /// Bytes [done, done + size) of an extent that begins at `begin` of a tensor.
  void fill(const Placed& placed, std::uint64_t begin, const Extent& extent, std::uint64_t done, std::uint64_t size,
            Gather& gather) const {
    const std::uint64_t end = done + size;
    if (extent.kind == Extent::Kind::source && observer_ == nullptr) {
      const std::uint64_t copied =
          copy_in_kernel(extent.source->descriptor(), extent.offset + done, out_.descriptor(), gather.position(), size);
      if (copied > 0) gather.skip(copied);
      done += copied;
    }
    while (done < end) {
      const auto room = gather.room(end - done);
      switch (extent.kind) {
        case Extent::Kind::source:
          extent.source->read_at(extent.offset + done, room);
          break;
        case Extent::Kind::zeros:
          std::fill(room.begin(), room.end(), std::byte{0});
          break;
        case Extent::Kind::computed:
          placed.tensor->read(begin + done, room);
          break;
      }
      if (observer_ != nullptr) observer_->bytes(placed.index, begin + done, room);
      gather.advance(room.size());
      done += room.size();
    }
  }

  ByteSink& out_;
  DataObserver* const observer_;
  std::uint64_t end_ = 0;
  mutable std::atomic<bool> has_holes_ = false;
  std::vector<Placed> placed_;
  std::unordered_map<const Computation*, TiledComputation> tiled_;
  std::vector<Task> tasks_;
};

}  // namespace

void write_data(ByteSink& out, std::uint64_t data_begin, const std::vector<NamedTensor>& tensors, const WriteOptions& how,
                ProgressMeter& progress, DataObserver* observer) {
  DataPass(out, data_begin, tensors, observer).run(how, progress);
}

bool mostly_holes(const std::vector<NamedTensor>& tensors) {
  std::uint64_t all = 0;
  std::uint64_t holes = 0;
  for (const NamedTensor& named : tensors) {
    const std::uint64_t size = named.tensor.nbytes();
    all += size;
    if (size < worthwhile_hole) continue;
    named.tensor.visit(0, 1, [&](const Extent& first) {
      if (first.kind == Extent::Kind::zeros) holes += size;
      if (first.kind == Extent::Kind::source) holes += hole_at(first.source->descriptor(), first.offset, size);
    });
  }
  return holes > all / 2;
}

}  // namespace kvcache::detail
