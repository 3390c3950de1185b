#include "cli/docs/man_text.h"

namespace kvcache::cli {

const std::string_view man_description =
    R"(A prompt cache holds the keys and values of a language model after a prompt, so that the prompt need not be
processed again.
mlx\-lm, mlx\-swift\-lm, mlxrs and servers built on them save such caches as safetensors files, each in a form of its own.
.Nm
shows what is in such a file, checks it, trims, quantizes, converts, batches and repairs it.
It needs no Python, no MLX, no GPU and no model.
.Pp
It reads headers, not data, wherever it can; memory stays under 64 MiB for any size of file.
A
.Ar FILE
may be
.Sq \-
for standard input where nothing is written in its place.
Input may be compressed by
.Xr gzip 1 ;
that is seen from its contents, not from its name.
.Pp
A command that writes takes
.Fl o Ar OUT
or
.Fl \-in\-place .
The output appears complete or not at all, and never replaces a file unless
.Fl \-force
or
.Fl \-in\-place
says so.
Format and user metadata stay as they were unless the command is about them.
)";

const std::string_view man_tail = R"(.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev NO_COLOR
No colours, if set to anything but an empty text.
.It Ev CLICOLOR_FORCE , FORCE_COLOR
Colours where there is no terminal, too, if set to anything but 0.
.It Ev CLICOLOR
No colours if it is 0.
.It Ev COLUMNS
The width of text where there is no terminal that knows it; 80 otherwise.
.It Ev TERM
No colours if it is
.Dq dumb .
.It Ev TMPDIR
Where standard input and compressed files are unpacked; files there have no name and vanish with the process.
.El
.Sh FILES
An output is written to a temporary file in its own folder, which has no name where the file system allows that, and takes its
place when all of it is on disk.
.Sh EXIT STATUS
.Bl -tag -width "130, 143"
.It 0
Done.
.Cm verify
and
.Cm diff :
no errors, no differences.
.It 1
.Cm verify
found errors, or warnings with
.Fl \-strict ;
.Cm diff
found differences.
.It 2
Usage error: unknown option, missing argument, index out of range, output exists.
.It 3
An input is not readable as a prompt cache.
.It 4
The operation is not possible for this cache.
.It 5
Input or output failed: missing file, permission, disk full.
.It 130, 143
Interrupted by SIGINT or SIGTERM.
.El
.Pp
A command that writes and returns another status than 0 has written nothing, and an existing output is what it was before.
)";

}  // namespace kvcache::cli
