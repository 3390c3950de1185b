#include "platform/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

namespace kvcache::detail {

void reserve_standard_streams() noexcept {
  // The lowest free number is given to what is opened, so these become 0, 1 and 2. Each is open for what nobody does with it.
  for (int stream = 0; stream <= 2; ++stream)
    if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY) != stream) return;
}

}  // namespace kvcache::detail
