// How long the server waits for a host that says nothing any more: its own time is two hours, in which nobody else could write.
#include <gtest/gtest.h>

#include <cstdlib>

#include "fleet/postgres.h"

namespace kvcache::fleet {
namespace {

using store::detail::SqlConnection;
using store::detail::SqlValue;

std::int64_t setting(Postgres& connection, const std::string& name) {
  const SqlValue value(name);
  const auto rows = connection.run("SELECT CAST(setting AS BIGINT) FROM pg_settings WHERE name = ?1", {&value, 1});
  return rows->step() ? rows->integer(0) : -1;
}

TEST(Patience, EndsSoonestWhereEverybodyWaits) {
  const char* address = std::getenv("KVCACHE_TEST_POSTGRES");  // NOLINT(concurrency-mt-unsafe)
  ASSERT_NE(address, nullptr);
  Postgres connection(address, "patience", {});
  const auto silence = [&] {  // seconds without a sign of life
    return setting(connection, "tcp_keepalives_idle") +
           setting(connection, "tcp_keepalives_interval") * setting(connection, "tcp_keepalives_count");
  };
  const std::int64_t of_session = silence();
  EXPECT_GT(of_session, 0);
  EXPECT_LT(of_session, 300);
  EXPECT_EQ(setting(connection, "tcp_user_timeout"), 1000 * of_session);

  connection.begin(SqlConnection::Kind::write);
  EXPECT_LT(silence(), 60);  // before lock_timeout ends the waiting of others
  EXPECT_EQ(setting(connection, "tcp_user_timeout"), 1000 * silence());
  EXPECT_EQ(setting(connection, "idle_in_transaction_session_timeout"), 45'000);
  connection.commit();
  EXPECT_EQ(silence(), of_session);
  EXPECT_EQ(setting(connection, "idle_in_transaction_session_timeout"), 0);

  ASSERT_TRUE(connection.begin_unless_busy());
  EXPECT_LT(silence(), 60);
  connection.roll_back();

  connection.begin_removing_objects();
  EXPECT_GE(silence(), 2 * of_session);
  EXPECT_EQ(setting(connection, "idle_in_transaction_session_timeout"), 0);
  connection.roll_back();
}

}  // namespace
}  // namespace kvcache::fleet
