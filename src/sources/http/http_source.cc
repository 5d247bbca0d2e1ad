#include "headrace/sources/http.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <optional>
#include <stop_token>
#include <utility>

#include "io/wakeup.h"
#include "sources/http/origin.h"
#include "sources/http/projection.h"
#include "wire/uri.h"

namespace headrace {

namespace {

using io::Wakeup;

constexpr std::string_view placeholder = "{entity}";
// A longer one is not kept: the copy is then asked for anew each time.
constexpr std::size_t etag_bytes_max = 1024;

// What one try came to: an outcome, or a fault that another try may not have.
struct Verdict {
  Result<Fetched> outcome;
  bool may_retry = false;
  Duration retry_after = Duration::zero();  // As the server wishes.
};

Duration retry_after_of(const wire::Response& response) {
  const auto value = response.header("Retry-After");
  std::uint32_t seconds = 0;
  if (!value) return Duration::zero();
  const auto [end, fault] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  const bool is_number = fault == std::errc{} && end == value->data() + value->size();
  return is_number ? Duration(std::chrono::seconds(seconds)) : Duration::zero();
}

Result<Fetched> value_of(const wire::Response& response, const std::vector<std::string>& fields) {
  Result<http::Projected> projected = http::project(response.body, fields);
  if (!projected) return std::unexpected(std::move(projected.error()));
  Fetched fetched;
  fetched.kind = projected->kind;
  fetched.payload = std::move(projected->json);
  const auto etag = response.header("ETag");
  if (etag && etag->size() <= etag_bytes_max) fetched.revision = *etag;
  return fetched;
}

class HttpSource final : public Source {
 public:
  HttpSource(std::shared_ptr<HttpOrigin> origin, HttpQuestion question)
      : origin_(std::move(origin)), question_(std::move(question)) {}

  Task<Result<Fetched>> fetch(Fetch fetch) override;
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override;

 private:
  [[nodiscard]] Verdict judge(const Result<wire::Response>& response, const Fetch& fetch) const;
  [[nodiscard]] std::string target_of(const std::string& entity) const;
  // Before try number `next`; the later ones wait longer, and no two alike.
  [[nodiscard]] Duration pause_before(std::size_t next, Duration wished) const;

  const std::shared_ptr<HttpOrigin> origin_;
  const HttpQuestion question_;
};

std::string HttpSource::target_of(const std::string& entity) const {
  std::string target = question_.path;
  const std::string encoded = wire::percent_encode(entity);
  for (std::size_t at = target.find(placeholder); at != std::string::npos;
       at = target.find(placeholder, at + encoded.size())) {
    target.replace(at, placeholder.size(), encoded);
  }
  return target;
}

Verdict HttpSource::judge(const Result<wire::Response>& response, const Fetch& fetch) const {
  if (!response) {
    return {std::unexpected(response.error()), response.error().code == Code::source_unavailable};
  }
  const int status = response->status;
  if (status == 200 || status == 203) return {value_of(*response, question_.fields)};
  if (status == 304 && !fetch.revision.empty()) {
    Fetched same;
    same.unchanged = true;
    same.revision = fetch.revision;
    return {same};
  }
  if (status == 404 || status == 410) {
    Fetched absent;
    absent.kind = Kind::absent;
    return {absent};
  }
  std::string text = origin_->options().url + " answered with status " + std::to_string(status);
  if (status >= 300 && status < 400) text += "; redirects are not followed, set the final URL";
  if (status == 401 || status == 403) text += "; check the source's headers";
  const bool may_retry = status >= 500 || status == 429;
  return {failure(Code::source_failed, std::move(text)), may_retry, retry_after_of(*response)};
}

Duration HttpSource::pause_before(std::size_t next, Duration wished) const {
  constexpr std::size_t doublings_max = 16;
  const Duration whole =
      origin_->options().retry_after * (std::int64_t{1} << std::min(next - 2, doublings_max));
  const auto share = static_cast<double>(origin_->runtime().bits() >> 11) * 0x1p-53;
  const Duration part =
      whole / 2 +
      Duration(static_cast<Duration::rep>(share * static_cast<double>(whole.count() / 2)));
  return std::max(part, wished);
}

Task<Result<Fetched>> HttpSource::fetch(Fetch fetch) {
  Runtime& runtime = origin_->runtime();
  const std::string target = target_of(fetch.entity);
  for (std::size_t next = 2;; ++next) {
    if (fetch.stop.stop_requested()) {
      co_return failure(Code::cancelled, "nobody waits for the HTTP request any more");
    }
    if (runtime.now() >= fetch.deadline) {
      co_return failure(Code::timed_out, "the deadline passed before the HTTP request was sent");
    }
    Task<Result<wire::Response>> getting =
        origin_->get(target, fetch.revision, fetch.deadline, fetch.stop);
    const Result<wire::Response> response = co_await std::move(getting);
    Verdict verdict = judge(response, fetch);
    if (!verdict.may_retry || next > origin_->options().tries_max) {
      co_return std::move(verdict.outcome);
    }
    const Instant again = runtime.now() + pause_before(next, verdict.retry_after);
    if (again >= fetch.deadline) co_return std::move(verdict.outcome);
    const auto wakeup = std::make_shared<Wakeup>(runtime);
    const Executor::TimerId timer = wake_at(runtime, again, wakeup);
    const std::stop_callback on_stop(fetch.stop,
                                     [raw = wakeup.get()] { raw->wake(Wakeup::By::stop); });
    const Wakeup::By by = co_await wakeup->waiting();
    if (by == Wakeup::By::stop) runtime.cancel(timer);
  }
}

Task<std::vector<Result<Fetched>>> HttpSource::fetch_many(std::vector<Fetch> fetches) {
  assert(fetches.size() <= batch_max());
  std::vector<Result<Fetched>> answers;
  for (Fetch& one : fetches) {
    Task<Result<Fetched>> task = fetch(std::move(one));
    answers.push_back(co_await std::move(task));
  }
  co_return answers;
}

}  // namespace

Result<std::shared_ptr<HttpOrigin>> open_http_origin(HttpOriginOptions options, Runtime& runtime) {
  Result<wire::Url> url = wire::parse_url(options.url);
  if (!url) return std::unexpected(std::move(url.error()));
  if (url->target.contains('?')) {
    return failure(Code::invalid_argument, "a source's URL has no parameters: " + options.url);
  }
  const bool sound = options.connections_max > 0 && options.queue_max > 0 &&
                     options.tries_max > 0 && options.body_bytes_max > 0 &&
                     options.retry_after >= Duration::zero();
  if (!sound) {
    return failure(Code::invalid_argument,
                   "an HTTP source needs connections_max, queue_max, tries_max and body_bytes_max "
                   "of at least 1");
  }
  std::shared_ptr<io::TlsTrust> trust;
  if (url->scheme == "https") {
    Result<std::shared_ptr<io::TlsTrust>> made =
        io::TlsTrust::make({.authorities = options.ca_file});
    if (!made) return std::unexpected(std::move(made.error()));
    trust = std::move(*made);
  }
  return std::make_shared<HttpOrigin>(std::move(options), std::move(*url), std::move(trust),
                                      runtime);
}

Result<std::shared_ptr<Source>> ask_http(std::shared_ptr<HttpOrigin> origin,
                                         HttpQuestion question) {
  assert(origin);
  if (!question.path.starts_with('/') || !question.path.contains(placeholder)) {
    return failure(Code::invalid_argument,
                   "path: \"" + question.path + "\" must begin with \"/\" and have {entity} in it");
  }
  if (question.fields.empty()) {
    return failure(Code::invalid_argument, "fields: name the members to take");
  }
  for (const std::string& field : question.fields) {
    if (field.empty() || !wire::is_utf8(field)) {
      return failure(Code::invalid_argument, "fields: a name is empty or not UTF-8");
    }
  }
  return std::make_shared<HttpSource>(std::move(origin), std::move(question));
}

}  // namespace headrace
