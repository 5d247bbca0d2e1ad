#include "replay/firestore_db.h"

#include <fmt/format.h>
#include <google/firestore/v1/firestore.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <utility>

namespace headrace::replay {

namespace {

namespace v1 = google::firestore::v1;

constexpr std::size_t writes_per_commit_max = 500;
constexpr int tries_max = 3;
constexpr std::chrono::seconds call_within{30};
constexpr char made_name[] = "made/replay";

std::string document_id(Entity entity, std::uint32_t row) {
  const bool is_list = shape_of(entity.collection).is_list;
  return is_list ? fmt::format("{}-{}", entity.number, row) : fmt::format("{}", entity.number);
}

// The number of the entity that a document belongs to.
std::uint64_t number_in(std::string_view name) {
  const std::string_view id = name.substr(name.rfind('/') + 1);
  std::uint64_t number = 0;
  std::from_chars(id.data(), id.data() + id.size(), number);
  return number;
}

void fill(v1::Document& document, const Population& population, Entity entity, std::uint32_t row,
          std::uint64_t version) {
  const CollectionShape& shape = shape_of(entity.collection);
  const std::vector<Value> values = document_of(population, entity, row, version);
  auto& fields = *document.mutable_fields();
  for (std::size_t i = 0; i < values.size(); ++i) {
    v1::Value& field = fields[shape.fields[i]];
    const auto* number = std::get_if<std::int64_t>(&values[i]);
    if (number == nullptr) {
      field.set_string_value(std::get<std::string>(values[i]));
    } else if (shape.is_list && i == 0) {
      field.set_string_value(fmt::format("{}", *number));
    } else {
      field.set_integer_value(*number);
    }
  }
}

std::unexpected<Error> fault(const grpc::Status& status, std::string_view doing) {
  const bool was_reached = status.error_code() != grpc::StatusCode::UNAVAILABLE &&
                           status.error_code() != grpc::StatusCode::DEADLINE_EXCEEDED;
  return failure(was_reached ? Code::source_failed : Code::source_unavailable,
                 fmt::format("Firestore emulator: {}: {}", doing, status.error_message()));
}

bool is_outcome_unknown(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::INTERNAL: return true;
    default: return false;
  }
}

// Calls to one project.
class Connection {
 public:
  explicit Connection(const FirestorePlace& place)
      : database_(fmt::format("projects/{}/databases/(default)", place.project)),
        stub_(v1::Firestore::NewStub(
            grpc::CreateChannel(place.emulator, grpc::InsecureChannelCredentials()))) {}

  [[nodiscard]] std::string name_of(std::string_view path) const {
    return fmt::format("{}/documents/{}", database_, path);
  }
  [[nodiscard]] std::string name_of(Entity entity, std::uint32_t row) const {
    return name_of(
        fmt::format("{}/{}", shape_of(entity.collection).name, document_id(entity, row)));
  }

  grpc::Status commit(v1::CommitRequest& request) {
    request.set_database(database_);
    grpc::ClientContext context;
    prepare(context);
    v1::CommitResponse response;
    return stub_->Commit(&context, request, &response);
  }

  grpc::Status get(const std::string& path, v1::Document& document) {
    grpc::ClientContext context;
    prepare(context);
    v1::GetDocumentRequest request;
    request.set_name(name_of(path));
    return stub_->GetDocument(&context, request, &document);
  }

  // Calls `each` with the number of the entity and the version of every document.
  template <class F>
  grpc::Status versions(Collection collection, F each) {
    grpc::ClientContext context;
    prepare(context);
    v1::RunQueryRequest request;
    request.set_parent(database_ + "/documents");
    v1::StructuredQuery& query = *request.mutable_structured_query();
    query.add_from()->set_collection_id(std::string(shape_of(collection).name));
    query.mutable_select()->add_fields()->set_field_path("version");
    const auto reader = stub_->RunQuery(&context, request);
    v1::RunQueryResponse response;
    while (reader->Read(&response)) {
      if (!response.has_document()) continue;
      const auto& fields = response.document().fields();
      const auto version = fields.find("version");
      if (version == fields.end()) continue;
      each(number_in(response.document().name()),
           static_cast<std::uint64_t>(version->second.integer_value()));
    }
    return reader->Finish();
  }

 private:
  void prepare(grpc::ClientContext& context) const {
    context.AddMetadata("authorization", "Bearer owner");  // The emulator's key to everything.
    context.AddMetadata("google-cloud-resource-prefix", database_);
    context.set_deadline(std::chrono::system_clock::now() + call_within);
    context.set_wait_for_ready(true);
  }

  std::string database_;
  std::unique_ptr<v1::Firestore::Stub> stub_;
};

// Gathers documents to commit them together.
class Loader {
 public:
  Loader(Connection& connection, const Population& population)
      : connection_(connection), population_(population) {}

  Result<void> add(Entity entity, std::uint32_t row) {
    v1::Document& document = *request_.add_writes()->mutable_update();
    document.set_name(connection_.name_of(entity, row));
    fill(document, population_, entity, row, 1);
    if (static_cast<std::size_t>(request_.writes_size()) < writes_per_commit_max) return {};
    return flush();
  }

  Result<void> add_made() {
    v1::Document& document = *request_.add_writes()->mutable_update();
    document.set_name(connection_.name_of(made_name));
    auto& fields = *document.mutable_fields();
    const auto set = [&fields](const char* field, std::uint64_t number) {
      fields[field].set_integer_value(static_cast<std::int64_t>(number));
    };
    set("users", population_.users);
    set("lists", population_.lists);
    set("shared_bytes", population_.shared_bytes);
    return flush();
  }

 private:
  Result<void> flush() {
    const grpc::Status status = connection_.commit(request_);
    request_.Clear();
    if (!status.ok()) return fault(status, "loading the documents");
    return {};
  }

  Connection& connection_;
  const Population& population_;
  v1::CommitRequest request_;
};

class FirestoreDb final : public SourceDb {
 public:
  explicit FirestoreDb(const FirestorePlace& place) : connection_(place) {}

  Result<void> begin() {
    v1::Document made;
    if (const grpc::Status status = connection_.get(made_name, made); !status.ok()) {
      return fault(status, "asking what the project was made with");
    }
    const auto number = [&made](const char* field) {
      return static_cast<std::uint64_t>(made.fields().at(field).integer_value());
    };
    population_ = {
        .users = number("users"), .lists = number("lists"), .shared_bytes = number("shared_bytes")};
    return {};
  }

  Result<Population> population() override { return population_; }

  Result<std::vector<Standing>> changed(const std::vector<Collection>& collections) override {
    std::vector<Standing> standings;
    for (const Collection collection : collections) {
      // The newest document of a list has the list's version.
      std::map<std::uint64_t, std::uint64_t> newest;
      const grpc::Status status =
          connection_.versions(collection, [&newest](std::uint64_t number, std::uint64_t version) {
            std::uint64_t& known = newest[number];
            known = std::max(known, version);
          });
      if (!status.ok()) return fault(status, "reading the versions");
      for (const auto& [number, version] : newest) {
        const Entity entity{collection, number};
        if (version != version_at_start(population_, entity)) {
          standings.push_back({entity, version});
        }
      }
    }
    return standings;
  }

  std::expected<Change::Kind, WriteFault> write(Entity entity, std::uint64_t version) override {
    const Change change = change_to(population_, entity, version);
    const std::string name = connection_.name_of(entity, change.row);
    v1::CommitRequest request;
    v1::Write& write = *request.add_writes();
    if (change.kind == Change::Kind::remove) {
      write.set_delete_(name);
    } else {
      write.mutable_update()->set_name(name);
      fill(*write.mutable_update(), population_, entity, change.row, version);
    }
    write.mutable_current_document()->set_exists(change.kind != Change::Kind::create);
    grpc::Status status = connection_.commit(request);
    const bool may_be_made = is_outcome_unknown(status);
    for (int tries = 1; is_outcome_unknown(status) && tries < tries_max; ++tries) {
      // It may have been done, so that what it expected may no longer hold.
      write.clear_current_document();
      status = connection_.commit(request);
    }
    if (status.ok()) return change.kind;
    // A later try that was refused says nothing of the first.
    return std::unexpected(
        WriteFault(fault(status, "writing; is another replay writing to the same project?").error(),
                   may_be_made));
  }

 private:
  Connection connection_;
  Population population_{};
};

}  // namespace

Result<void> make_firestore_source(const FirestorePlace& place, const Population& population,
                                   const std::vector<Collection>& collections,
                                   const MakeProgress& progress) {
  Connection connection(place);
  Loader loader(connection, population);
  std::uint64_t all = 0;
  std::uint64_t done = 0;
  for (const Collection collection : collections) all += count_of(population, collection);
  for (const Collection collection : collections) {
    for (Entity entity{collection, 0}; entity.number < count_of(population, collection);
         ++entity.number) {
      const std::uint32_t rows = rows_at_start(population, entity);
      for (std::uint32_t row = 0; row < rows; ++row) {
        auto added = loader.add(entity, row);
        if (!added) return added;
      }
      if (progress && ++done % 100 == 0) progress(done, all);
    }
  }
  auto made = loader.add_made();
  if (made && progress) progress(all, all);
  return made;
}

Result<std::unique_ptr<SourceDb>> open_firestore_db(const FirestorePlace& place) {
  auto database = std::make_unique<FirestoreDb>(place);
  if (auto begun = database->begin(); !begun) return std::unexpected(begun.error());
  return database;
}

}  // namespace headrace::replay
