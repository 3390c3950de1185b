// Sockets that a library has opened and that somebody has to wait for.
#pragma once

namespace kvcache::detail {

/// Wait until a socket can be read from, or with `to_write` written to, no longer than so many milliseconds. False: not yet.
/// Throws Error(io).
bool wait_for_socket(int socket, bool to_write, int milliseconds);

}  // namespace kvcache::detail
