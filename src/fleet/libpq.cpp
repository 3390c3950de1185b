#include "fleet/libpq.h"

#include <fmt/format.h>

#include "kvcache/error.h"
#include "platform/shared_library.h"

namespace kvcache::fleet {
namespace {

#ifdef __linux__

Libpq bind() {
  std::string why;
  void* const library = kvcache::detail::load_library("libpq.so.5", why);
  if (library == nullptr)
    throw Error(ErrorKind::io, fmt::format("libpq cannot be loaded: {}", why),
                "install it (apt-get install libpq5, dnf install libpq)");
  Libpq out{};
  const auto take = [&]<typename Function>(const char* name, Function& function) {
    function = reinterpret_cast<Function>(kvcache::detail::find_symbol(library, name));
    if (function == nullptr) throw Error(ErrorKind::io, fmt::format("libpq has no {}", name), "a newer libpq is needed");
  };
  take("PQclear", out.clear);
  take("PQconnectPoll", out.connectPoll);
  take("PQconnectStartParams", out.connectStartParams);
  take("PQconninfoFree", out.conninfoFree);
  take("PQconninfoParse", out.conninfoParse);
  take("PQconsumeInput", out.consumeInput);
  take("PQdb", out.db);
  take("PQerrorMessage", out.errorMessage);
  take("PQfinish", out.finish);
  take("PQflush", out.flush);
  take("PQgetResult", out.getResult);
  take("PQgetisnull", out.getisnull);
  take("PQgetlength", out.getlength);
  take("PQgetvalue", out.getvalue);
  take("PQhost", out.host);
  take("PQisBusy", out.isBusy);
  take("PQntuples", out.ntuples);
  take("PQport", out.port);
  take("PQresultErrorField", out.resultErrorField);
  take("PQresultErrorMessage", out.resultErrorMessage);
  take("PQresultStatus", out.resultStatus);
  take("PQsendQuery", out.sendQuery);
  take("PQsendQueryParams", out.sendQueryParams);
  take("PQsetNoticeProcessor", out.setNoticeProcessor);
  take("PQsetnonblocking", out.setnonblocking);
  take("PQsocket", out.socket);
  take("PQstatus", out.status);
  return out;
}

#else

Libpq bind() {
  return {&PQclear,
          &PQconnectPoll,
          &PQconnectStartParams,
          &PQconninfoFree,
          &PQconninfoParse,
          &PQconsumeInput,
          &PQdb,
          &PQerrorMessage,
          &PQfinish,
          &PQflush,
          &PQgetResult,
          &PQgetisnull,
          &PQgetlength,
          &PQgetvalue,
          &PQhost,
          &PQisBusy,
          &PQntuples,
          &PQport,
          &PQresultErrorField,
          &PQresultErrorMessage,
          &PQresultStatus,
          &PQsendQuery,
          &PQsendQueryParams,
          &PQsetNoticeProcessor,
          &PQsetnonblocking,
          &PQsocket,
          &PQstatus};
}

#endif

}  // namespace

const Libpq& pq() {
  static const Libpq functions = bind();
  return functions;
}

}  // namespace kvcache::fleet
