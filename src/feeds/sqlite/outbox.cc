// To install, check and remove what the feed reads from.
#include <filesystem>
#include <utility>

#include "feeds/sqlite/outbox_sql.h"
#include "feeds/sqlite/post.h"
#include "feeds/sqlite/watched.h"
#include "headrace/feeds/sqlite.h"
#include "sqlite/connection.h"

namespace headrace {

namespace {

using sqlite::Connection;

Result<Connection> open(const std::string& path) {
  return Connection::open(path, Connection::Access::write);
}

// What was begun and not committed goes with the connection.
Result<void> run(const std::string& sql, Connection& connection) {
  Result<void> done = connection.run(sql.c_str());
  if (!done) done.error().what = "nothing was changed; " + done.error().what;
  return done;
}

}  // namespace

Result<std::string> sqlite_outbox_sql(std::string path, SqliteOutbox outbox) {
  if (Result<void> sound = sqlite::feed::check(outbox); !sound) {
    return std::unexpected(sound.error());
  }
  Result<Connection> connection = open(path);
  if (!connection) return std::unexpected(std::move(connection.error()));
  return sqlite::feed::install_sql(outbox, *connection);
}

Result<void> install_sqlite_outbox(std::string path, SqliteOutbox outbox) {
  if (Result<void> sound = sqlite::feed::check(outbox); !sound) return sound;
  Result<Connection> connection = open(path);
  if (!connection) return std::unexpected(std::move(connection.error()));
  const Result<std::string> sql = sqlite::feed::install_sql(outbox, *connection);
  if (!sql) return std::unexpected(sql.error());
  const Result<std::string> lack = sqlite::feed::read_lack(outbox, *connection);
  if (!lack) return std::unexpected(lack.error());
  return lack->empty() ? Result<void>() : run(*sql, *connection);
}

Result<std::string> check_sqlite_outbox(std::string path, SqliteOutbox outbox) {
  if (Result<void> sound = sqlite::feed::check(outbox); !sound) {
    return std::unexpected(sound.error());
  }
  Result<Connection> connection = Connection::open(path);
  if (!connection) return std::unexpected(std::move(connection.error()));
  return sqlite::feed::read_lack(outbox, *connection);
}

Result<void> uninstall_sqlite_outbox(std::string path, std::string name) {
  if (Result<void> sound = sqlite::feed::check_name(name); !sound) return sound;
  Result<Connection> connection = open(path);
  if (!connection) return std::unexpected(std::move(connection.error()));
  const Result<std::string> sql = sqlite::feed::uninstall_sql(name, *connection);
  if (!sql) return std::unexpected(sql.error());
  if (Result<void> done = run(*sql, *connection); !done) return done;
  std::error_code ignored;
  const std::filesystem::path real = std::filesystem::canonical(path, ignored);
  std::filesystem::remove(sqlite::feed::post_of(real.string(), name), ignored);
  return {};
}

}  // namespace headrace
