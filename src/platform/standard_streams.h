// The descriptors that a program is started with.
#pragma once

namespace kvcache::detail {

/// Keep 0, 1 and 2 from becoming those of files where the process was started without them (`>&-`): what is written to standard
/// output would go into such a file. Reading and writing them fails with EBADF, as it does where they are closed. To be called
/// before anything is opened.
void reserve_standard_streams() noexcept;

}  // namespace kvcache::detail
