#include "kit/valkey_server.h"

#include <random>
#include <string_view>
#include <utility>

namespace headrace::kit {

namespace {

// Each start asks often; one that does not answer at once is asked again.
constexpr std::chrono::milliseconds start_patience{500};

std::string new_secret() {
  std::random_device random;
  std::string secret;
  for (int i = 0; i < 4; ++i) secret += std::to_string(random());
  return secret;
}

}  // namespace

std::string name_of(ValkeyProgram program) {
  switch (program) {
    case ValkeyProgram::valkey: return "valkey";
    case ValkeyProgram::redis: return "redis";
    case ValkeyProgram::newest: return "newest";
  }
  return "";
}

Result<std::string> find_valkey(ValkeyProgram program) {
  switch (program) {
    case ValkeyProgram::valkey: return find_server("valkey-server", "backports");
    case ValkeyProgram::redis: return find_server("redis-server", "debian");
    case ValkeyProgram::newest: return find_server("valkey-newest", "newest");
  }
  return failure(Code::invalid_argument, "no such program");
}

Result<std::unique_ptr<ValkeyServer>> ValkeyServer::start(ValkeyOptions options) {
  Result<std::string> program = find_valkey(options.program);
  if (!program) return std::unexpected(std::move(program.error()));
  auto server = std::make_unique<ValkeyServer>(std::move(options));
  ValkeyServer* const raw = server.get();
  Result<void> started = server->process_.start({.name = name_of(server->options_.program),
                                                 .command = server->command_line(*program),
                                                 .answers = [raw] { return raw->answers(); }});
  if (!started) return std::unexpected(std::move(started.error()));
  return server;
}

std::vector<std::string> ValkeyServer::command_line(const std::string& program) {
  const TemporaryFolder& folder = process_.folder();
  std::vector<std::string> line{program,
                                "--port",
                                std::to_string(port()),
                                "--bind",
                                "127.0.0.1",
                                "--dir",
                                folder.path().string(),
                                "--save",
                                "",
                                "--appendonly",
                                options_.append_only ? "yes" : "no",
                                "--appendfsync",
                                "always",
                                "--repl-diskless-sync-delay",
                                "0",
                                "--enable-debug-command",
                                "local"};
  const auto add = [&line](const std::string& name, const std::string& value) {
    line.insert(line.end(), {name, value});
  };
  if (!options_.password.empty() && options_.users.empty()) {
    add("--requirepass", options_.password);
  }
  if (!options_.users.empty()) {
    own_secret_ = new_secret();
    std::string users = "user kit on >" + own_secret_ + " ~* &* +@all\n";
    if (!options_.password.empty()) {
      users += "user default on >" + options_.password + " ~* &* +@all\n";
    }
    for (const std::string& user : options_.users) users += user + "\n";
    add("--aclfile", folder.write("users.acl", users));
  }
  if (options_.tls != ValkeyTls::off) {
    tls_port_.emplace();
    certificates_.emplace(folder);
    add("--tls-port", std::to_string(tls_port()));
    add("--tls-ca-cert-file", certificates_->authority_file);
    add("--tls-cert-file", certificates_->server_file);
    add("--tls-key-file", certificates_->server_key_file);
    add("--tls-auth-clients", options_.tls == ValkeyTls::known_clients ? "yes" : "no");
  }
  if (options_.replica_of != 0) {
    line.insert(line.end(), {"--replicaof", "127.0.0.1", std::to_string(options_.replica_of)});
  }
  if (!options_.master_password.empty()) add("--masterauth", options_.master_password);
  if (options_.cluster) {
    cluster_port_.emplace();
    add("--cluster-enabled", "yes");
    add("--cluster-config-file", "nodes.conf");
    add("--cluster-port", std::to_string(cluster_port_->number()));
  }
  if (!options_.maxmemory.empty()) add("--maxmemory", options_.maxmemory);
  line.insert(line.end(), options_.arguments.begin(), options_.arguments.end());
  return line;
}

Result<RespClient> ValkeyServer::log_in() const {
  Result<RespClient> client = connect();
  if (!client) return client;
  std::vector<std::string> words{"AUTH"};
  if (!own_secret_.empty()) {
    words.insert(words.end(), {"kit", own_secret_});
  } else if (!options_.password.empty()) {
    words.push_back(options_.password);
  } else {
    return client;
  }
  const Result<std::string> said = client->command(words);
  if (!said) return std::unexpected(said.error());
  if (*said != "OK") return failure(Code::source_failed, "AUTH: " + *said);
  return client;
}

bool ValkeyServer::answers() const {
  Result<RespClient> client = log_in();
  if (!client) return false;
  client->set_patience(start_patience);
  const Result<std::string> said = client->command({"PING"});
  return said && *said == "PONG";
}

std::string ValkeyServer::info(const std::string& field) {
  const std::string all = command({"INFO"});
  const std::string wanted = "\r\n" + field + ":";
  const std::size_t at = all.find(wanted);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + wanted.size();
  return all.substr(begin, all.find("\r\n", begin) - begin);
}

void ValkeyServer::kill() {
  client_.close();
  process_.kill();
}

Result<int> ValkeyServer::stop() {
  client_.close();
  return process_.stop();
}

Result<void> ValkeyServer::restart() {
  client_.close();
  return process_.restart();
}

}  // namespace headrace::kit
