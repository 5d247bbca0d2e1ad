#include "kit/postgres_server.h"

#include <pwd.h>
#include <sys/shm.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace headrace::kit {

namespace {

constexpr char programs[] = "/usr/lib/postgresql/15/bin";
constexpr char user[] = "postgres";
constexpr std::chrono::milliseconds start_patience{500};
constexpr std::chrono::seconds end_within{5};

// $1 is where the programs are; what follows is for the server.  The data is made only once.
constexpr char script[] = R"(
programs=$1
shift
if ! test -e made; then
  rm -rf data
  "$programs/initdb" --pgdata=data --username=postgres --auth=trust --no-sync --encoding=UTF8 \
    --locale=C.UTF-8 --no-instructions || exit
  : >made
fi
exec "$programs/postgres" -D data "$@"
)";

// A server that was killed leaves a block of the machine's shared memory behind, which only its
// restart would take away.  Its lock file says which, in the second word of line 7.
void remove_shared_memory(const std::filesystem::path& data) {
  constexpr int line_of_memory = 7;
  std::ifstream lock(data / "postmaster.pid");
  std::string line;
  for (int i = 0; i < line_of_memory; ++i) {
    if (!std::getline(lock, line)) return;
  }
  std::istringstream words(line);
  unsigned long key = 0;
  int block = -1;
  if (words >> key >> block) ::shmctl(block, IPC_RMID, nullptr);
}

}  // namespace

Result<std::unique_ptr<PostgresServer>> PostgresServer::start(PostgresOptions options) {
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::path(programs) / "postgres", ignored)) {
    return failure(Code::source_unavailable, "no postgres: install postgresql-15");
  }
  auto server = std::make_unique<PostgresServer>(std::move(options));
  PostgresServer* const raw = server.get();
  const auto answers = [raw] {
    const PostgresClient::Parameters own{{"user", user}, {"database", user}};
    return PostgresClient::connect(raw->port(), own, start_patience).has_value();
  };
  ServerProcess::Recipe recipe{.name = "postgres",
                               .command = server->command_line(),
                               .answers = answers,
                               .stop_signal = SIGINT,  // Without waiting for its clients to go.
                               .start_within = std::chrono::seconds(60)};
  if (::geteuid() == 0) {
    recipe.user = user;
    const passwd* const found = ::getpwnam(user);
    const std::string folder = server->process_.folder().path().string();
    if (found == nullptr || ::chown(folder.c_str(), found->pw_uid, found->pw_gid) != 0) {
      return failure(Code::source_unavailable, "no user postgres: install postgresql-15");
    }
  }
  Result<void> started = server->process_.start(std::move(recipe));
  if (!started) return std::unexpected(std::move(started.error()));
  return server;
}

PostgresServer::~PostgresServer() {
  client_.close();
  // One that ends by itself tidies up.
  if (process_.running() && process_.stop(end_within)) return;
  process_.kill();
  remove_shared_memory(process_.folder().path() / "data");
}

std::vector<std::string> PostgresServer::command_line() const {
  std::vector<std::string> line{"/bin/sh", "-c", script, "sh", programs};
  const std::vector<std::string> own{
      "listen_addresses=127.0.0.1",
      "port=" + std::to_string(port()),
      "unix_socket_directories=",
      "wal_level=logical",
      "fsync=off",                        // The processes die here; the machine does not.
      "dynamic_shared_memory_type=mmap",  // In its folder, and so gone with it.
      "shared_buffers=16MB",
      "lc_messages=C",
  };
  for (const std::vector<std::string>* settings : {&own, &options_.settings}) {
    for (const std::string& setting : *settings) line.insert(line.end(), {"-c", setting});
  }
  return line;
}

std::string PostgresServer::query(std::string_view sql) {
  return client_.ask([this] { return connect(); },
                     [sql](PostgresClient& client) { return client.query(sql); });
}

std::string PostgresServer::connection_string() const {
  return "host=127.0.0.1 port=" + std::to_string(port()) + " user=postgres dbname=postgres";
}

void PostgresServer::kill() {
  client_.close();
  process_.kill();
}

Result<int> PostgresServer::stop() {
  client_.close();
  return process_.stop();
}

Result<void> PostgresServer::restart() {
  client_.close();
  return process_.restart();
}

}  // namespace headrace::kit
