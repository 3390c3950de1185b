// Of the static tool: nothing is loaded at run time. SQLite would do it for extensions, which are never asked for; but its
// archive calls dlopen, and that of the C library needs shared libraries even in a static program, which the linker warns of.
extern "C" {
/// What the linker takes in its place (--wrap).
void* __wrap_dlopen(const char* /*file*/, int /*mode*/) {  // NOLINT(bugprone-reserved-identifier,readability-identifier-naming)
  return nullptr;
}
}
