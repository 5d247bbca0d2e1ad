#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <utility>

#include "client.h"
#include "headrace/sync.h"
#include "replay/target.h"
#include "wire/uri.h"

namespace headrace::replay {

namespace {

constexpr std::string_view billed_metric = "headrace_source_reads_total{";

// The sum of all samples of `metric` of this policy.
std::uint64_t sum_of(std::string_view metrics, std::string_view metric, std::string_view policy) {
  const std::string label = fmt::format("policy=\"{}\"", policy);
  double sum = 0;
  while (!metrics.empty()) {
    const std::size_t end = std::min(metrics.find('\n'), metrics.size());
    const std::string_view line = metrics.substr(0, end);
    metrics.remove_prefix(std::min(end + 1, metrics.size()));
    if (!line.starts_with(metric) || !line.contains(label)) continue;
    const std::string_view number = line.substr(line.rfind(' ') + 1);
    double value = 0;
    std::from_chars(number.data(), number.data() + number.size(), value);
    sum += value;
  }
  return static_cast<std::uint64_t>(sum);
}

Error error_of(const wire::Response& response) {
  return {.code = response.status >= 500 ? Code::source_unavailable : Code::invalid_argument,
          .what = fmt::format("the server answered with status {}: {}", response.status,
                              response.body.substr(0, 300))};
}

// RFC 9211: "headrace; hit; ttl=27; detail=memory".
Origin origin_in(const wire::Response& response) {
  const std::string_view status = response.header("Cache-Status").value_or("");
  if (!status.contains("; hit")) return Origin::source;
  return status.contains("detail=store") ? Origin::store : Origin::memory;
}

class HttpTarget final : public Target {
 public:
  HttpTarget(std::vector<Question> questions, std::vector<std::unique_ptr<app::Client>> clients)
      : questions_(std::move(questions)), clients_(std::move(clients)) {}

  std::string name() const override {
    std::string name = clients_.size() == 1 ? "server at " : "servers at ";
    for (const auto& client : clients_) {
      if (client != clients_.front()) name += " and ";
      name += client->url();
    }
    return name;
  }

  Task<Result<Seen>> read(std::size_t question, std::uint64_t number) override {
    const Entity entity{questions_[question].collection, number};
    wire::Request request;
    request.target =
        fmt::format("/v1/read/{}/{}", wire::percent_encode(questions_[question].name), number);
    Task<Result<wire::Response>> asking = next().send(std::move(request));
    const Result<wire::Response> response = co_await std::move(asking);
    if (!response) co_return std::unexpected(response.error());
    const Origin origin = origin_in(*response);
    if (response->status == 200) co_return seen_in(response->body, entity, origin);
    // A known absence says where it came from; a route or a policy that is not there does not.
    if (response->status == 404 && response->header("Cache-Status")) {
      co_return Seen{.origin = origin};
    }
    co_return std::unexpected(error_of(*response));
  }

  Task<Result<Held>> invalidate(Entity entity, Naming naming) override {
    if (naming == Naming::tags) return send(fmt::format(R"("tags":["{}"])", tag_of(entity)));
    std::string keys;
    for (const Question& question : questions_) {
      if (question.collection != entity.collection) continue;
      keys += fmt::format(R"({}{{"policy":"{}","entity":"{}"}})", keys.empty() ? "" : ",",
                          question.name, name_of(entity));
    }
    return send(R"("keys":[)" + keys + "]");
  }

  Task<Result<Held>> invalidate_all() override {
    std::string names;
    for (const Question& question : questions_) {
      names += fmt::format("{}\"{}\"", names.empty() ? "" : ",", question.name);
    }
    return send(R"("policies":[)" + names + "]");
  }

  Result<Bill> bill() override {
    auto billed = billed_so_far();
    if (!billed) return std::unexpected(billed.error());
    for (std::size_t i = 0; i < billed->size(); ++i) (*billed)[i] -= billed_before_[i];
    return Bill{.documents = std::move(*billed),
                .counted_by = clients_.size() == 1
                                  ? "the server's own metric, headrace_source_reads_total"
                                  : "the servers' own metrics, headrace_source_reads_total"};
  }

  // Remembers what the server has counted so far, and so learns whether it is there.
  Result<void> begin() {
    auto billed = billed_so_far();
    if (!billed) return std::unexpected(billed.error());
    billed_before_ = std::move(*billed);
    return {};
  }

  void close() override {
    for (const auto& client : clients_) client->close();
  }

 private:
  app::Client& next() { return *clients_[turn_.fetch_add(1) % clients_.size()]; }

  Task<Result<Held>> send(std::string what) {
    if (clients_.size() > 1) what += R"(,"wait":"everywhere")";
    wire::Request request{
        .method = "POST", .target = "/v1/invalidate", .body = "{" + std::move(what) + "}"};
    request.headers.push_back({.name = "Content-Type", .value = "application/json"});
    Task<Result<wire::Response>> asking = next().send(std::move(request));
    const Result<wire::Response> response = co_await std::move(asking);
    if (!response) co_return std::unexpected(response.error());
    if (response->status >= 300) co_return std::unexpected(error_of(*response));
    co_return response->status == 202 ? Held::pending : Held::everywhere;
  }

  Result<std::vector<std::uint64_t>> billed_so_far() {
    std::vector<std::uint64_t> documents(questions_.size());
    for (const auto& client : clients_) {
      wire::Request request{.target = "/metrics"};
      Task<Result<wire::Response>> asking = client->send(std::move(request));
      const Result<wire::Response> response = wait(std::move(asking));
      if (!response) {
        return failure(response.error().code,
                       fmt::format("{} ({})", response.error().what, client->url()));
      }
      if (response->status != 200) return std::unexpected(error_of(*response));
      for (std::size_t i = 0; i < questions_.size(); ++i) {
        documents[i] += sum_of(response->body, billed_metric, questions_[i].name);
      }
    }
    return documents;
  }

  std::vector<Question> questions_;
  std::vector<std::unique_ptr<app::Client>> clients_;
  std::atomic<std::size_t> turn_{0};
  std::vector<std::uint64_t> billed_before_;
};

}  // namespace

Result<std::unique_ptr<Target>> make_http_target(std::vector<Question> questions,
                                                 HttpTargetOptions options, Runtime& runtime) {
  std::vector<std::unique_ptr<app::Client>> clients;
  for (std::string& url : options.urls) {
    auto client = app::Client::make(
        {.url = std::move(url), .api_key = options.api_key, .idle_max = options.connections_max},
        runtime);
    if (!client) return std::unexpected(client.error());
    clients.push_back(std::move(*client));
  }
  auto target = std::make_unique<HttpTarget>(std::move(questions), std::move(clients));
  if (auto begun = target->begin(); !begun) return std::unexpected(begun.error());
  return target;
}

}  // namespace headrace::replay
