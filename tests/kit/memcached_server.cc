#include "kit/memcached_server.h"

#include <unistd.h>

#include <charconv>
#include <cstddef>

namespace headrace::kit {

namespace {

// Each start asks often; one that does not answer at once is asked again.
constexpr std::chrono::milliseconds start_patience{500};

// The word of a line with that number, from 0; empty if there are fewer.
std::string_view word_of(std::string_view line, int number) {
  for (; number > 0; --number) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return "";
    line.remove_prefix(space + 1);
  }
  return line.substr(0, line.find(' '));
}

// How many bytes follow a line: those of a value.
std::optional<std::size_t> value_size(std::string_view line) {
  std::string_view size;
  if (line.starts_with("VA ")) size = word_of(line, 1);
  if (line.starts_with("VALUE ")) size = word_of(line, 3);
  std::size_t number = 0;
  const auto [end, bad] = std::from_chars(size.data(), size.data() + size.size(), number);
  if (size.empty() || bad != std::errc()) return std::nullopt;
  return number;
}

Result<std::string> read_answer(BlockingSocket& from) {
  std::string text;
  for (;;) {
    Result<std::string> line = from.read_line();
    if (!line) return line;
    text += *line;
    const bool goes_on = line->starts_with("VALUE ") || line->starts_with("STAT ");
    if (const auto size = value_size(*line)) {
      const Result<std::string> value = from.read_exactly(*size + 2);
      if (!value) return value;
      text += "\n" + value->substr(0, *size);
    }
    if (!goes_on) return text;
    text += "\n";
  }
}

Result<std::string> ask(BlockingSocket& at, std::string_view line,
                        std::optional<std::string_view> body) {
  std::string bytes = std::string(line) + "\r\n";
  if (body) bytes += std::string(*body) + "\r\n";
  if (Result<void> sent = at.send(bytes); !sent) return std::unexpected(std::move(sent.error()));
  return read_answer(at);
}

}  // namespace

Result<std::unique_ptr<MemcachedServer>> MemcachedServer::start(MemcachedOptions options) {
  Result<std::string> program = find_server("memcached", "debian");
  if (!program) return std::unexpected(std::move(program.error()));
  auto server = std::make_unique<MemcachedServer>(std::move(options));
  std::vector<std::string> line{*program,
                                "-p",
                                std::to_string(server->port()),
                                "-l",
                                "127.0.0.1",
                                "-m",
                                std::to_string(server->options_.memory_mb)};
  // It wants to be told whom root lets it be.  Another user would also undo the promise that it
  // ends with the test: see PR_SET_PDEATHSIG.
  if (::geteuid() == 0) line.insert(line.end(), {"-u", "root"});
  const std::vector<std::string>& more = server->options_.arguments;
  line.insert(line.end(), more.begin(), more.end());
  MemcachedServer* const raw = server.get();
  Result<void> started =
      server->process_.start({.name = "memcached", .command = std::move(line), .answers = [raw] {
                                return raw->answers();
                              }});
  if (!started) return std::unexpected(std::move(started.error()));
  return server;
}

bool MemcachedServer::answers() const {
  Result<BlockingSocket> socket = BlockingSocket::connect(port(), start_patience);
  if (!socket) return false;
  const Result<std::string> said = ask(*socket, "version", std::nullopt);
  return said && said->starts_with("VERSION ");
}

std::string MemcachedServer::command(std::string_view line, std::optional<std::string_view> body) {
  return client_.ask([this] { return connect(); },
                     [&](BlockingSocket& socket) { return ask(socket, line, body); });
}

std::string MemcachedServer::stat(std::string_view name) {
  const std::string all = "\n" + command("stats");
  const std::string wanted = "\nSTAT " + std::string(name) + " ";
  const std::size_t at = all.find(wanted);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + wanted.size();
  return all.substr(begin, all.find('\n', begin) - begin);
}

void MemcachedServer::kill() {
  client_.close();
  process_.kill();
}

Result<int> MemcachedServer::stop() {
  client_.close();
  return process_.stop();
}

Result<void> MemcachedServer::restart() {
  client_.close();
  return process_.restart();
}

}  // namespace headrace::kit
