#include "chaos/instance.h"

#include "chaos/http_client.h"

namespace headrace::chaos {

namespace {

constexpr std::chrono::milliseconds look_patience{1000};

}  // namespace

Instance::Instance(Setup setup)
    : setup_(std::move(setup)),
      store_gate_(setup_.server_port),
      bus_gate_(setup_.postgres_port != 0 ? setup_.postgres_port : setup_.server_port) {}

std::string Instance::bus() const {
  if (setup_.postgres_port == 0) {
    return "[bus]\nkind = \"valkey\"\naddress = \"" + bus_gate_.address() + "\"\n";
  }
  return "[bus]\nkind = \"postgres\"\nconnection = \"host=127.0.0.1 port=" +
         std::to_string(bus_gate_.port()) + " user=postgres dbname=postgres\"\n";
}

std::string Instance::where() const {
  if (setup_.memcached != nullptr) {
    return "kind = \"memcached\"\nservers = [\"" + setup_.memcached->address() + "\"]\n" + bus();
  }
  const std::string kind = "kind = \"valkey\"\n";
  if (!setup_.sentinel.empty()) {
    return kind + "sentinels = [\"" + setup_.sentinel + "\"]\nsentinel_master = \"main\"\n";
  }
  if (setup_.cluster.empty()) {
    return kind + "address = \"" + store_gate_.address() + "\"\n" + bus();
  }
  std::string nodes;
  for (const std::string& node : setup_.cluster) nodes += "\"" + node + "\", ";
  return kind + "cluster = [" + nodes + "]\n";
}

Result<void> Instance::start() {
  const std::string own = "listen = \"tcp://127.0.0.1:" + std::to_string(port()) +
                          "\"\ndata_dir = \"" + process_.folder().file("data") +
                          "\"\nthreads = 1\n[store]\n" + where();
  const std::string file = process_.folder().write("headrace.toml", own + setup_.settings);
  std::filesystem::create_directories(process_.folder().file("data"));
  std::vector<std::string> command{"/usr/bin/env"};
  command.insert(command.end(), setup_.environment.begin(), setup_.environment.end());
  command.insert(command.end(), {setup_.program, "serve", "--config", file});
  const auto answers = [this] {
    HttpClient client(port(), look_patience);
    const Result<HttpAnswer> ready = client.get("/readyz");
    return ready && ready->status == 200;
  };
  Result<void> started =
      process_.start({.name = "headrace", .command = command, .answers = answers});
  if (started) id_ = static_cast<HostId>(setup_.place) * starts_max + starts_++;
  return started;
}

void Instance::kill() {
  id_ = -1;
  process_.kill();
}

void Instance::pause() {
  process_.freeze();
}

void Instance::resume() {
  process_.thaw();
}

std::optional<std::uint64_t> Instance::metric(std::string_view name) const {
  HttpClient client(port(), look_patience);
  const Result<HttpAnswer> said = client.get("/metrics");
  if (!said || said->status != 200) return std::nullopt;
  const std::string wanted = "\n" + std::string(name) + " ";
  const std::size_t at = said->body.find(wanted);
  if (at == std::string::npos) return std::nullopt;
  return number_of(std::string_view(said->body).substr(at + wanted.size()));
}

}  // namespace headrace::chaos
