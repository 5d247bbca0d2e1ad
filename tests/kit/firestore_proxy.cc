#include "kit/firestore_proxy.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>

#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>
#include <vector>

#include "kit/moved_moments.h"

namespace headrace::kit {

namespace {

namespace api = google::firestore::v1;
using grpc::ServerContext;
using grpc::Status;

constexpr std::chrono::seconds held_within{20};
// How soon a held call notices that its client has left.
constexpr std::chrono::milliseconds look_every{5};

// What a call's own metadata is not.
bool is_forwarded(std::string_view name) {
  return !name.starts_with(':') && !name.starts_with("grpc-") && name != "user-agent" &&
         name != "te" && name != "content-type";
}

}  // namespace

std::string FirestoreProxy::Counts::json() const {
  std::string text = "{\"calls\":{";
  for (const auto& [method, number] : calls) {
    if (!text.ends_with('{')) text += ',';
    text += "\"" + method + "\":" + std::to_string(number);
  }
  text += '}';
  const auto add = [&text](const char* name, std::uint64_t number) {
    text += std::string(",\"") + name + "\":" + std::to_string(number);
  };
  add("failed", failed);
  add("documents_asked", documents_asked);
  add("found", found);
  add("missing", missing);
  add("empty_queries", empty_queries);
  add("reads", reads);
  add("writes", writes);
  add("deletes", deletes);
  return text + "}";
}

class FirestoreProxy::Service final : public api::Firestore::Service {
 public:
  explicit Service(Options options)
      : options_(std::move(options)),
        upstream_(api::Firestore::NewStub(
            grpc::CreateChannel(options_.upstream, grpc::InsecureChannelCredentials()))) {}

  Status BatchGetDocuments(ServerContext* context, const api::BatchGetDocumentsRequest* request,
                           grpc::ServerWriter<api::BatchGetDocumentsResponse>* writer) override {
    {
      const std::lock_guard lock(mutex_);
      last_batch_ = *request;
      counts_.documents_asked += static_cast<std::uint64_t>(request->documents_size());
    }
    std::vector<api::BatchGetDocumentsResponse> answers;
    const Status status = pass("BatchGetDocuments", *context, true, [&](grpc::ClientContext& out) {
      const auto reader = upstream_->BatchGetDocuments(&out, *request);
      return gather(*reader, answers);
    });
    const std::lock_guard lock(mutex_);
    for (auto& answer : answers) {
      show(answer);
      counts_.found += answer.has_found() ? 1 : 0;
      counts_.missing += answer.has_found() ? 0 : 1;
      ++counts_.reads;
      if (status.ok()) writer->Write(answer);
    }
    return status;
  }

  Status RunQuery(ServerContext* context, const api::RunQueryRequest* request,
                  grpc::ServerWriter<api::RunQueryResponse>* writer) override {
    {
      const std::lock_guard lock(mutex_);
      last_query_ = *request;
    }
    std::vector<api::RunQueryResponse> answers;
    const Status status = pass("RunQuery", *context, true, [&](grpc::ClientContext& out) {
      const auto reader = upstream_->RunQuery(&out, *request);
      return gather(*reader, answers);
    });
    const std::lock_guard lock(mutex_);
    std::uint64_t documents = 0;
    for (auto& answer : answers) {
      show(answer);
      documents += answer.has_document() ? 1 : 0;
      if (status.ok()) writer->Write(answer);
    }
    if (answers.empty()) return status;  // Nothing was asked.
    counts_.found += documents;
    counts_.empty_queries += documents == 0 ? 1 : 0;
    counts_.reads += documents == 0 ? 1 : documents;
    return status;
  }

  Status GetDocument(ServerContext* context, const api::GetDocumentRequest* request,
                     api::Document* response) override {
    std::optional<Status> upstream;
    const Status status = pass("GetDocument", *context, true, [&](grpc::ClientContext& out) {
      return upstream.emplace(upstream_->GetDocument(&out, *request, response));
    });
    const std::lock_guard lock(mutex_);
    ++counts_.documents_asked;
    if (!upstream) return status;
    const bool is_missing = upstream->error_code() == grpc::NOT_FOUND;
    counts_.found += upstream->ok() ? 1 : 0;
    counts_.missing += is_missing ? 1 : 0;
    counts_.reads += upstream->ok() || is_missing ? 1 : 0;
    return status;
  }

  Status Commit(ServerContext* context, const api::CommitRequest* request,
                api::CommitResponse* response) override {
    bool was_made = false;
    const Status status = pass("Commit", *context, false, [&](grpc::ClientContext& out) {
      Status made = upstream_->Commit(&out, as_hidden(*request), response);
      was_made = made.ok();
      return made;
    });
    const std::lock_guard lock(mutex_);
    if (!was_made) return status;
    show(*response);
    for (const api::Write& write : request->writes()) {
      ++(write.operation_case() == api::Write::kDelete ? counts_.deletes : counts_.writes);
    }
    return status;
  }

  mutable std::mutex mutex_;
  Counts counts_;
  api::BatchGetDocumentsRequest last_batch_;
  api::RunQueryRequest last_query_;
  std::multimap<std::string, std::string> last_metadata_;
  // What is to be held, and how many calls are.
  std::map<std::string, At> holds_;
  mutable std::condition_variable changed_;
  std::size_t held_ = 0;
  std::uint64_t releases_ = 0;
  bool ending_ = false;
  struct Failure {
    std::size_t times;
    Status status;
    At at;
  };
  std::map<std::string, std::vector<Failure>> failures_;  // By method, in their order.
  MovedMoments moments_;

 private:
  template <class Response>
  static Status gather(grpc::ClientReaderInterface<Response>& reader,
                       std::vector<Response>& answers) {
    Response answer;
    while (reader.Read(&answer)) answers.push_back(std::move(answer));
    return reader.Finish();
  }

  void show(api::BatchGetDocumentsResponse& answer) {
    if (answer.has_read_time()) moments_.show(*answer.mutable_read_time());
    if (!answer.has_found()) return;
    moments_.show(*answer.mutable_found()->mutable_create_time());
    moments_.show(*answer.mutable_found()->mutable_update_time());
  }
  void show(api::RunQueryResponse& answer) {
    if (answer.has_read_time()) moments_.show(*answer.mutable_read_time());
    if (!answer.has_document()) return;
    moments_.show(*answer.mutable_document()->mutable_create_time());
    moments_.show(*answer.mutable_document()->mutable_update_time());
  }
  void show(api::CommitResponse& answer) {
    moments_.show(*answer.mutable_commit_time());
    for (api::WriteResult& one : *answer.mutable_write_results()) {
      if (one.has_update_time()) moments_.show(*one.mutable_update_time());
    }
  }
  api::CommitRequest as_hidden(api::CommitRequest request) const {
    const std::lock_guard lock(mutex_);
    for (api::Write& write : *request.mutable_writes()) {
      if (!write.current_document().has_update_time()) continue;
      moments_.hide(*write.mutable_current_document()->mutable_update_time());
    }
    return request;
  }

  // Counts a call and forwards it, with all that is to happen to it on the way.
  template <class Forward>
  Status pass(const std::string& method, ServerContext& context, bool reads, Forward forward) {
    note(method, context);
    wait_if_held(method, At::request, context);
    Status status = failure_of(method, At::request);
    if (status.ok()) {
      const auto out = grpc::ClientContext::FromServerContext(context);
      for (const auto& [name, value] : context.client_metadata()) {
        const std::string_view key(name.data(), name.size());
        if (is_forwarded(key)) out->AddMetadata(std::string(key), {value.data(), value.size()});
      }
      status = forward(*out);
      if (const Status lost = failure_of(method, At::answer); !lost.ok()) status = lost;
    }
    if (reads) add_latency(context);
    wait_if_held(method, At::answer, context);
    const std::lock_guard lock(mutex_);
    if (!status.ok()) ++counts_.failed;
    return status;
  }

  void note(const std::string& method, const ServerContext& context) {
    const std::lock_guard lock(mutex_);
    ++counts_.calls[method];
    last_metadata_.clear();
    for (const auto& [name, value] : context.client_metadata()) {
      last_metadata_.emplace(std::string(name.data(), name.size()),
                             std::string(value.data(), value.size()));
    }
  }

  Status failure_of(const std::string& method, At at) {
    const std::lock_guard lock(mutex_);
    const auto found = failures_.find(method);
    if (found == failures_.end() || found->second.empty()) return {};
    std::vector<Failure>& failures = found->second;
    if (failures.front().at != at) return {};
    const Status status = failures.front().status;
    if (--failures.front().times == 0) failures.erase(failures.begin());
    return status;
  }

  void wait_if_held(const std::string& method, At at, ServerContext& context) {
    std::unique_lock lock(mutex_);
    const auto hold = holds_.find(method);
    if (hold == holds_.end() || hold->second != at) return;
    const std::uint64_t before = releases_;
    ++held_;
    changed_.notify_all();
    while (releases_ == before && !ending_ && !context.IsCancelled()) {
      changed_.wait_for(lock, look_every);
    }
    --held_;
  }

  void add_latency(ServerContext& context) {
    if (options_.latency_max.count() == 0) return;
    std::unique_lock lock(mutex_);
    std::uniform_int_distribution<std::int64_t> spread(options_.latency_min.count(),
                                                       options_.latency_max.count());
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(spread(random_));
    while (!ending_ && !context.IsCancelled()) {
      if (changed_.wait_until(lock, end) == std::cv_status::timeout) return;
    }
  }

  const Options options_;
  const std::unique_ptr<api::Firestore::StubInterface> upstream_;
  std::mt19937_64 random_{1};
};

FirestoreProxy::FirestoreProxy() = default;

std::unique_ptr<FirestoreProxy> FirestoreProxy::start(Options options) {
  auto proxy = std::make_unique<FirestoreProxy>();
  proxy->host_ = options.listen.substr(0, options.listen.rfind(':'));
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &proxy->port_);
  proxy->service_ = std::make_unique<Service>(std::move(options));
  builder.RegisterService(proxy->service_.get());
  proxy->server_ = builder.BuildAndStart();
  if (!proxy->server_ || proxy->port_ == 0) return nullptr;
  return proxy;
}

FirestoreProxy::~FirestoreProxy() {
  if (!server_) return;
  {
    const std::lock_guard lock(service_->mutex_);
    service_->ending_ = true;
    service_->changed_.notify_all();
  }
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  server_->Wait();
}

std::string FirestoreProxy::address() const {
  return host_ + ":" + std::to_string(port_);
}

FirestoreProxy::Counts FirestoreProxy::counts() const {
  const std::lock_guard lock(service_->mutex_);
  return service_->counts_;
}

void FirestoreProxy::reset_counts() {
  const std::lock_guard lock(service_->mutex_);
  service_->counts_ = {};
}

void FirestoreProxy::hold(const std::string& method, At at) {
  const std::lock_guard lock(service_->mutex_);
  service_->holds_[method] = at;
}

bool FirestoreProxy::wait_held(std::size_t calls) const {
  std::unique_lock lock(service_->mutex_);
  return service_->changed_.wait_for(lock, held_within, [&] { return service_->held_ >= calls; });
}

void FirestoreProxy::release() {
  const std::lock_guard lock(service_->mutex_);
  service_->holds_.clear();
  ++service_->releases_;
  service_->changed_.notify_all();
}

void FirestoreProxy::fail_next(const std::string& method, std::size_t times, grpc::Status status,
                               At at) {
  if (times == 0) return;
  const std::lock_guard lock(service_->mutex_);
  service_->failures_[method].push_back({times, std::move(status), at});
}

void FirestoreProxy::advance(std::chrono::microseconds time) {
  const std::lock_guard lock(service_->mutex_);
  service_->moments_.advance(time);
}

api::BatchGetDocumentsRequest FirestoreProxy::last_batch() const {
  const std::lock_guard lock(service_->mutex_);
  return service_->last_batch_;
}

api::RunQueryRequest FirestoreProxy::last_query() const {
  const std::lock_guard lock(service_->mutex_);
  return service_->last_query_;
}

std::string FirestoreProxy::last_metadata(const std::string& name) const {
  const std::lock_guard lock(service_->mutex_);
  const auto at = service_->last_metadata_.find(name);
  return at == service_->last_metadata_.end() ? "" : at->second;
}

}  // namespace headrace::kit
