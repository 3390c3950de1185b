#include "remote/curl.h"

#include <fmt/format.h>

#include <array>

#include "kvcache/error.h"
#include "platform/shared_library.h"

namespace kvcache::remote {
namespace {

#ifdef __linux__

// Under its name of version 4, which has not changed since 2006; Debian builds it with OpenSSL and with GnuTLS.
void* load() {
  constexpr std::array names = {"libcurl.so.4", "libcurl-gnutls.so.4"};
  std::string why;
  for (const char* const name : names) {
    std::string said;
    if (void* const library = detail::load_library(name, said)) return library;
    if (why.empty()) why = said;
  }
  throw Error(ErrorKind::io, fmt::format("libcurl cannot be loaded: {}", why),
              "install it (apt-get install libcurl4, dnf install libcurl)", "KV100");
}

template <typename Visit>
void each(Curl& out, const Visit& visit) {
  visit("curl_easy_cleanup", out.easy_cleanup);
  visit("curl_easy_init", out.easy_init);
  visit("curl_easy_reset", out.easy_reset);
  visit("curl_easy_setopt", out.easy_setopt);
  visit("curl_easy_strerror", out.easy_strerror);
  visit("curl_free", out.free);
  visit("curl_getdate", out.getdate);
  visit("curl_global_init", out.global_init);
  visit("curl_multi_add_handle", out.multi_add_handle);
  visit("curl_multi_cleanup", out.multi_cleanup);
  visit("curl_multi_info_read", out.multi_info_read);
  visit("curl_multi_init", out.multi_init);
  visit("curl_multi_perform", out.multi_perform);
  visit("curl_multi_poll", out.multi_poll);
  visit("curl_multi_remove_handle", out.multi_remove_handle);
  visit("curl_slist_append", out.slist_append);
  visit("curl_slist_free_all", out.slist_free_all);
  visit("curl_url", out.url);
  visit("curl_url_cleanup", out.url_cleanup);
  visit("curl_url_get", out.url_get);
  visit("curl_url_set", out.url_set);
}

Curl bind() {
  void* const library = load();
  Curl out{};
  each(out, [&]<typename Function>(const char* name, Function& function) {
    function = reinterpret_cast<Function>(detail::find_symbol(library, name));
    if (function == nullptr)
      throw Error(ErrorKind::io, fmt::format("libcurl has no {}", name), "libcurl 7.85 or later is needed", "KV100");
  });
  return out;
}

#else

// Where libraries are part of the system, or in the program itself.
Curl bind() {
  Curl out{};
  out.easy_cleanup = curl_easy_cleanup;
  out.easy_init = curl_easy_init;
  out.easy_reset = curl_easy_reset;
  out.easy_setopt = curl_easy_setopt;
  out.easy_strerror = curl_easy_strerror;
  out.free = curl_free;
  out.getdate = curl_getdate;
  out.global_init = curl_global_init;
  out.multi_add_handle = curl_multi_add_handle;
  out.multi_cleanup = curl_multi_cleanup;
  out.multi_info_read = curl_multi_info_read;
  out.multi_init = curl_multi_init;
  out.multi_perform = curl_multi_perform;
  out.multi_poll = curl_multi_poll;
  out.multi_remove_handle = curl_multi_remove_handle;
  out.slist_append = curl_slist_append;
  out.slist_free_all = curl_slist_free_all;
  out.url = curl_url;
  out.url_cleanup = curl_url_cleanup;
  out.url_get = curl_url_get;
  out.url_set = curl_url_set;
  return out;
}

#endif

}  // namespace

const Curl& curl() {
  static const Curl functions = bind();
  return functions;
}

}  // namespace kvcache::remote
