// libpq, which is loaded when somebody names a store by an address and not with the program.
#pragma once

#include <libpq-fe.h>

namespace kvcache::fleet {

/// The functions of libpq that are used here, under their names without the "PQ".
struct Libpq {
  decltype(&PQclear) clear;
  decltype(&PQconnectPoll) connectPoll;
  decltype(&PQconnectStartParams) connectStartParams;
  decltype(&PQconninfoFree) conninfoFree;
  decltype(&PQconninfoParse) conninfoParse;
  decltype(&PQconsumeInput) consumeInput;
  decltype(&PQdb) db;
  decltype(&PQerrorMessage) errorMessage;
  decltype(&PQfinish) finish;
  decltype(&PQflush) flush;
  decltype(&PQgetResult) getResult;
  decltype(&PQgetisnull) getisnull;
  decltype(&PQgetlength) getlength;
  decltype(&PQgetvalue) getvalue;
  decltype(&PQhost) host;
  decltype(&PQisBusy) isBusy;
  decltype(&PQntuples) ntuples;
  decltype(&PQport) port;
  decltype(&PQresultErrorField) resultErrorField;
  decltype(&PQresultErrorMessage) resultErrorMessage;
  decltype(&PQresultStatus) resultStatus;
  decltype(&PQsendQuery) sendQuery;
  decltype(&PQsendQueryParams) sendQueryParams;
  decltype(&PQsetNoticeProcessor) setNoticeProcessor;
  decltype(&PQsetnonblocking) setnonblocking;
  decltype(&PQsocket) socket;
  decltype(&PQstatus) status;
};

/// Loads it the first time: with all the libraries that it brings that takes longer than most commands. Throws Error(io) where
/// it is not installed.
[[nodiscard]] const Libpq& pq();

}  // namespace kvcache::fleet
