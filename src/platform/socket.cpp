#include "platform/socket.h"

#include <poll.h>

#include <cerrno>

#include "kvcache/error.h"
#include "platform/file.h"

namespace kvcache::detail {

bool wait_for_socket(int socket, bool to_write, int milliseconds) {
  pollfd one{};
  one.fd = socket;
  one.events = static_cast<short>(to_write ? POLLOUT : POLLIN);
  const int ready = poll(&one, 1, milliseconds);
  // A signal is a reason to look around.
  if (ready < 0 && errno != EINTR) throw Error(ErrorKind::io, "waiting for a server: " + system_message(errno));
  return ready > 0;
}

}  // namespace kvcache::detail
