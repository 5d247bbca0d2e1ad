#include "sources/firestore/question.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <optional>
#include <utility>

#include "sources/firestore/moment.h"
#include "sources/firestore/value_json.h"
#include "wire/uri.h"

namespace headrace::firestore {

namespace {

namespace api = google::firestore::v1;
using Operator = api::StructuredQuery::FieldFilter;
using Unary = api::StructuredQuery::UnaryFilter;

// Values of one `in`; Firestore's own limit.
constexpr int disjunction_max = 30;

constexpr std::array<std::pair<std::string_view, Operator::Operator>, 10> operators = {{
    {"==", Operator::EQUAL},
    {"!=", Operator::NOT_EQUAL},
    {"<", Operator::LESS_THAN},
    {"<=", Operator::LESS_THAN_OR_EQUAL},
    {">", Operator::GREATER_THAN},
    {">=", Operator::GREATER_THAN_OR_EQUAL},
    {"in", Operator::IN},
    {"not-in", Operator::NOT_IN},
    {"array-contains", Operator::ARRAY_CONTAINS},
    {"array-contains-any", Operator::ARRAY_CONTAINS_ANY},
}};

std::optional<Operator::Operator> operator_of(std::string_view op) {
  const auto* const at = std::ranges::find(operators, op, &decltype(operators)::value_type::first);
  if (at == operators.end()) return std::nullopt;
  return at->second;
}

bool wants_array(Operator::Operator op) {
  return op == Operator::IN || op == Operator::NOT_IN || op == Operator::ARRAY_CONTAINS_ANY;
}

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

// Firestore compares with null and NaN by operators of their own.
std::optional<Unary::Operator> unary_of(Operator::Operator op, const api::Value& value) {
  const bool equal = op == Operator::EQUAL;
  if (!equal && op != Operator::NOT_EQUAL) return std::nullopt;
  if (value.has_null_value()) return equal ? Unary::IS_NULL : Unary::IS_NOT_NULL;
  if (value.has_double_value() && std::isnan(value.double_value())) {
    return equal ? Unary::IS_NAN : Unary::IS_NOT_NAN;
  }
  return std::nullopt;
}

// An id of a document of the collection is compared as a reference.
void refer(api::Value& value, const std::string& collection) {
  if (value.has_string_value()) {
    value.set_reference_value(collection + "/" + std::string(value.string_value()));
  } else if (value.has_array_value()) {
    for (api::Value& item : *value.mutable_array_value()->mutable_values()) {
      refer(item, collection);
    }
  }
}

const api::Value* find(const api::Document& document, const FieldPath& path) {
  const auto* fields = &document.fields();
  for (std::size_t i = 0;; ++i) {
    const auto at = fields->find(path.names[i]);
    if (at == fields->end()) return nullptr;
    if (i + 1 == path.names.size()) return &at->second;
    if (!at->second.has_map_value()) return nullptr;
    fields = &at->second.map_value().fields();
  }
}

api::Value& place_of(api::Document& document, const FieldPath& path) {
  auto* fields = document.mutable_fields();
  for (std::size_t i = 0; i + 1 < path.names.size(); ++i) {
    fields = (*fields)[path.names[i]].mutable_map_value()->mutable_fields();
  }
  return (*fields)[path.names.back()];
}

// A state is the moment of the document's last change; it is empty if there is no document.
Result<void> take_expected(const std::string& state, api::Precondition& precondition) {
  if (state.empty()) {
    precondition.set_exists(false);
    return {};
  }
  const Result<google::protobuf::Timestamp> moment = parse_moment(state);
  if (!moment) return wrong("the expected state is none of this source's");
  *precondition.mutable_update_time() = *moment;
  return {};
}

// Puts the fields of `write` into the document, and their paths into the mask.
Result<void> take_writes(const Write& write, api::Document& document, api::DocumentMask& mask) {
  std::vector<FieldPath> taken;
  for (const auto& [name, json] : write.fields) {
    Result<FieldPath> path = parse_path(name);
    if (!path) return std::unexpected(std::move(path.error()));
    if (path->is_name()) return wrong("__name__: a document's id cannot be written");
    for (const FieldPath& other : taken) {
      if (!path->covers(other) && !other.covers(*path)) continue;
      return wrong(name + ": it overlaps with \"" + other.text() + "\", which is written too");
    }
    Result<api::Value> value = parse_value(json);
    if (!value) return wrong(name + ": " + value.error().what);
    mask.add_field_paths(path->text());
    place_of(document, *path) = std::move(*value);
    taken.push_back(std::move(*path));
  }
  return {};
}

}  // namespace

bool is_operator(std::string_view op) noexcept {
  return operator_of(op).has_value();
}

Result<Question> Question::make(FirestoreQuestion asked, std::string root) {
  Question question(std::move(asked), std::move(root));
  const FirestoreQuestion& wanted = question.asked_;
  if (Result<void> fine = check_collection(wanted.collection, question.is_query()); !fine) {
    return std::unexpected(std::move(fine.error()));
  }
  if (!question.is_query() &&
      (!wanted.where.empty() || !wanted.order.empty() || wanted.limit > 0)) {
    return wrong("filters, an order and a limit are for queries; here a document is asked for");
  }
  if (wanted.limit > firestore_documents_max) {
    return wrong("limit: at most " + std::to_string(firestore_documents_max) + " documents");
  }
  for (const auto take :
       {&Question::take_fields, &Question::take_filters, &Question::take_orders}) {
    if (Result<void> taken = (question.*take)(); !taken) {
      return std::unexpected(std::move(taken.error()));
    }
  }
  if (Result<void> fine = question.check_writable(); !fine) {
    return std::unexpected(std::move(fine.error()));
  }
  const std::size_t slash = wanted.collection.rfind('/');
  const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
  question.query_.add_from()->set_collection_id(wanted.collection.substr(begin));
  const std::size_t limit = wanted.limit > 0 ? wanted.limit : firestore_documents_max + 1;
  question.query_.mutable_limit()->set_value(static_cast<int>(limit));
  return question;
}

Result<void> Question::check_writable() const {
  if (is_query() && !asked_.writable.empty()) {
    return wrong("writable: a query cannot be written to");
  }
  for (const std::string& name : asked_.writable) {
    const Result<FieldPath> path = parse_path(name);
    if (!path) return wrong("writable: " + path.error().what);
    if (path->is_name()) return wrong("writable: \"__name__\", a document's id, cannot be written");
  }
  return {};
}

Result<void> Question::take_fields() {
  if (asked_.fields.empty()) return wrong("fields: name those to take; there is no \"all fields\"");
  for (const std::string& name : asked_.fields) {
    Result<FieldPath> path = parse_path(name);
    if (!path) return std::unexpected(std::move(path.error()));
    Field field{.path = std::move(*path)};
    append_json_string(field.member, name);
    field.member += ':';
    fields_.push_back(std::move(field));
  }
  // A field that lies inside another one of the mask is not named again.
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const FieldPath& path = fields_[i].path;
    bool is_covered = path.is_name();
    for (std::size_t j = 0; j < fields_.size() && !is_covered; ++j) {
      const bool is_twin = fields_[j].path.names == path.names;
      is_covered = fields_[j].path.covers(path) && (is_twin ? j < i : j != i);
    }
    if (!is_covered) mask_.add_field_paths(path.text());
  }
  for (const std::string& path : mask_.field_paths()) {
    query_.mutable_select()->add_fields()->set_field_path(path);
  }
  // A query whose projection is empty would bring whole documents.
  if (mask_.field_paths().empty()) {
    query_.mutable_select()->add_fields()->set_field_path(std::string(name_field));
  }
  return {};
}

Result<void> Question::take_filters() {
  for (const FirestoreFilter& asked : asked_.where) {
    const std::string place = "filter on \"" + asked.field + "\": ";
    Result<FieldPath> path = parse_path(asked.field);
    if (!path) return std::unexpected(std::move(path.error()));
    const auto op = operator_of(asked.op);
    if (!op) {
      return wrong(place + "\"" + asked.op + "\" is no operator; there are " +
                   std::string(operators_text));
    }
    api::Value value;
    if (!asked.is_entity) {
      Result<api::Value> parsed = parse_value(asked.value);
      if (!parsed) return wrong(place + "the value: " + parsed.error().what);
      value = std::move(*parsed);
      const int size = value.has_array_value() ? value.array_value().values_size() : -1;
      if (wants_array(*op) && (size < 1 || size > disjunction_max)) {
        return wrong(place + "\"" + asked.op + "\" wants an array of 1 to " +
                     std::to_string(disjunction_max) + " values");
      }
    } else if (wants_array(*op)) {
      return wrong(place + "\"" + asked.op + "\" wants an array, and {entity} is one value");
    }
    Filter filter{.path = std::move(*path), .is_entity = asked.is_entity};
    if (const auto unary = unary_of(*op, value); unary && !asked.is_entity) {
      filter.filter.mutable_unary_filter()->set_op(*unary);
      filter.filter.mutable_unary_filter()->mutable_field()->set_field_path(filter.path.text());
    } else {
      auto& inner = *filter.filter.mutable_field_filter();
      inner.set_op(*op);
      inner.mutable_field()->set_field_path(filter.path.text());
      *inner.mutable_value() = std::move(value);
    }
    filters_.push_back(std::move(filter));
  }
  return {};
}

Result<void> Question::take_orders() {
  for (const FirestoreOrder& asked : asked_.order) {
    Result<FieldPath> path = parse_path(asked.field);
    if (!path) return std::unexpected(std::move(path.error()));
    auto& order = *query_.add_order_by();
    order.mutable_field()->set_field_path(path->text());
    order.set_direction(asked.descending ? api::StructuredQuery::DESCENDING
                                         : api::StructuredQuery::ASCENDING);
    ordered_.push_back(std::move(*path));
  }
  return {};
}

Result<std::string> Question::document_of(const std::string& entity) const {
  if (const std::string why = fault_of_id(entity); !why.empty()) {
    return wrong("the entity cannot be the id of a Firestore document: " + why);
  }
  return root_ + "/" + asked_.collection + "/" + entity;
}

Result<api::RunQueryRequest> Question::query_for(const std::string& entity) const {
  if (!wire::is_utf8(entity)) return wrong("the entity is not UTF-8");
  if (asked_.collection.contains(placeholder)) {
    if (const std::string why = fault_of_id(entity); !why.empty()) {
      return wrong("the entity cannot be the id of a Firestore document: " + why);
    }
  }
  const std::string path = filled(asked_.collection, entity);
  const std::size_t slash = path.rfind('/');
  api::RunQueryRequest request;
  request.set_parent(slash == std::string::npos ? root_ : root_ + "/" + path.substr(0, slash));
  api::StructuredQuery& query = *request.mutable_structured_query();
  query = query_;
  for (const Filter& filter : filters_) {
    auto& next = filters_.size() == 1
                     ? *query.mutable_where()
                     : *query.mutable_where()->mutable_composite_filter()->add_filters();
    next = filter.filter;
    if (!next.has_field_filter()) continue;
    api::Value& value = *next.mutable_field_filter()->mutable_value();
    if (filter.is_entity) value.set_string_value(entity);
    if (filter.path.is_name()) refer(value, root_ + "/" + path);
  }
  if (filters_.size() > 1) {
    query.mutable_where()->mutable_composite_filter()->set_op(
        api::StructuredQuery::CompositeFilter::AND);
  }
  return request;
}

Result<void> Question::append(std::string& json, const api::Document& document) const {
  json += '{';
  bool is_first = true;
  for (const Field& field : fields_) {
    const api::Value* value = field.path.is_name() ? nullptr : find(document, field.path);
    if (value == nullptr && !field.path.is_name()) continue;
    if (!is_first) json += ',';
    is_first = false;
    json += field.member;
    if (value == nullptr) {
      append_json_string(json,
                         std::string_view(document.name()).substr(document.name().rfind('/') + 1));
    } else if (Result<void> done = append_json(json, *value); !done) {
      return done;
    }
  }
  json += '}';
  return {};
}

Result<api::Write> Question::write_of(const Write& write) const {
  assert(!is_query());
  const Result<std::string> name = document_of(write.entity);
  if (!name) return std::unexpected(name.error());
  api::Write made;
  // Nothing is created by an update, and what is not there is not removed: Firestore then refuses.
  if (write.mode != Write::Mode::upsert) made.mutable_current_document()->set_exists(true);
  if (write.expected) {
    if (Result<void> taken = take_expected(*write.expected, *made.mutable_current_document());
        !taken) {
      return std::unexpected(std::move(taken.error()));
    }
  }
  if (write.mode == Write::Mode::remove) {
    if (!write.fields.empty()) return wrong("a removal has no fields");
    made.set_delete_(*name);
    return made;
  }
  made.mutable_update()->set_name(*name);
  // The mask is there even if it names nothing: without one the whole document would be replaced.
  if (Result<void> taken = take_writes(write, *made.mutable_update(), *made.mutable_update_mask());
      !taken) {
    return std::unexpected(std::move(taken.error()));
  }
  return made;
}

namespace {

void add_top(std::vector<std::string>& fields, const FieldPath& path) {
  if (std::ranges::find(fields, path.names.front()) == fields.end()) {
    fields.push_back(path.names.front());
  }
}

}  // namespace

// All collections of one name are one here: which of them a query goes to hangs on the entity.
Dependency Question::untouched() const {
  return {.database = "firestore " + root_,
          .collection = asked_.collection.substr(asked_.collection.rfind('/') + 1),
          .fields = {},
          .of_entity = !is_query()};
}

Dependency Question::dependency() const {
  Dependency dependency = untouched();
  for (const Field& field : fields_) add_top(dependency.fields, field.path);
  for (const Filter& filter : filters_) add_top(dependency.fields, filter.path);
  for (const FieldPath& path : ordered_) add_top(dependency.fields, path);
  return dependency;
}

Dependency Question::change_of(const Write& write) const {
  Dependency change = untouched();
  // Whoever comes or goes may enter or leave the answer of any query.
  if (write.mode != Write::Mode::update) return change;
  for (const auto& [name, value] : write.fields) {
    if (const Result<FieldPath> path = parse_path(name)) add_top(change.fields, *path);
  }
  return change;
}

}  // namespace headrace::firestore
