// sources/firestore/question.h: a FirestoreQuestion, checked, as requests and their answers.
//
// Threads:   immutable once made.
// Errors:    invalid_argument; source_failed for an answer that cannot be written as JSON.
// Lifetimes: values.
#pragma once

#include <google/firestore/v1/firestore.pb.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "headrace/source.h"
#include "headrace/sources/firestore.h"
#include "sources/firestore/names.h"

namespace headrace::firestore {

inline constexpr std::string_view operators_text =
    "==, !=, <, <=, >, >=, in, not-in, array-contains and array-contains-any";
[[nodiscard]] bool is_operator(std::string_view op) noexcept;

class Question {
 public:
  // `root` is "projects/P/databases/D/documents".
  [[nodiscard]] static Result<Question> make(FirestoreQuestion asked, std::string root);

  [[nodiscard]] bool is_query() const noexcept {
    return asked_.asks == FirestoreQuestion::Asks::query;
  }

  // The full name of an entity's document.
  [[nodiscard]] Result<std::string> document_of(const std::string& entity) const;
  [[nodiscard]] const google::firestore::v1::DocumentMask& mask() const noexcept { return mask_; }
  [[nodiscard]] Result<google::firestore::v1::RunQueryRequest> query_for(
      const std::string& entity) const;

  // The fields of a document as a JSON object.
  [[nodiscard]] Result<void> append(std::string& json,
                                    const google::firestore::v1::Document& document) const;

  // What a query without a limit found is more than it may be.
  [[nodiscard]] bool is_too_many(std::size_t documents) const noexcept {
    return asked_.limit == 0 && documents > firestore_documents_max;
  }

  // The change of an entity as one write.
  [[nodiscard]] Result<google::firestore::v1::Write> write_of(const Write& write) const;

  [[nodiscard]] Dependency dependency(const void* database) const;

 private:
  struct Field {
    FieldPath path{};
    std::string member{};  // `"name":`
  };
  struct Filter {
    FieldPath path{};
    google::firestore::v1::StructuredQuery::Filter filter{};
    bool is_entity = false;
  };

  Question(FirestoreQuestion asked, std::string root)
      : asked_(std::move(asked)), root_(std::move(root)) {}
  [[nodiscard]] Result<void> take_fields();
  [[nodiscard]] Result<void> take_filters();
  [[nodiscard]] Result<void> take_orders();

  FirestoreQuestion asked_;
  std::string root_;
  std::vector<Field> fields_;
  google::firestore::v1::DocumentMask mask_;
  std::vector<Filter> filters_;
  std::vector<FieldPath> ordered_;
  google::firestore::v1::StructuredQuery query_;  // But for the filters.
};

}  // namespace headrace::firestore
