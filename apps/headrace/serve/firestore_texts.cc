#include "serve/firestore_texts.h"

#include <string>
#include <utility>

#include "headrace/sources/firestore.h"

namespace headrace::app {

namespace {

using config::FirestoreTexts;
using config::TextFault;

// A sound question, in which one part after the other is tried.
FirestoreQuestion frame(FirestoreQuestion::Asks asks) {
  return {.collection = "c", .asks = asks, .fields = {"f"}};
}

class Trial {
 public:
  explicit Trial(const FirestoreTexts& texts) : asked_(texts.question) {}

  void check(std::string key, std::size_t n, const FirestoreQuestion& question) {
    note(std::move(key), n, check_firestore_question(question));
  }
  template <class T>
  void note(std::string key, std::size_t n, const Result<T>& result) {
    if (!result) faults_.push_back({std::move(key), n, result.error().what});
  }

  void try_collection() {
    if (asked_.collection.empty()) return;  // Told already.
    FirestoreQuestion question = frame(asked_.asks);
    question.collection = asked_.collection;
    check("collection", 0, question);
  }
  void try_fields() {
    for (std::size_t n = 0; n < asked_.fields.size(); ++n) {
      if (asked_.fields[n].empty()) continue;  // Told already.
      FirestoreQuestion question = frame(asked_.asks);
      question.fields = {asked_.fields[n]};
      check("fields", n, question);
    }
  }
  void try_writable() {
    if (asked_.asks == FirestoreQuestion::Asks::query) return;  // Told already.
    for (std::size_t n = 0; n < asked_.writable.size(); ++n) {
      FirestoreQuestion question = frame(asked_.asks);
      question.writable = {asked_.writable[n]};
      check("writable", n, question);
    }
  }
  void try_where(std::size_t n, const std::string& text) {
    Result<FirestoreFilter> filter = parse_firestore_filter(text);
    if (!filter) return note("where", n, filter);
    FirestoreQuestion question = frame(FirestoreQuestion::Asks::query);
    question.where = {std::move(*filter)};
    check("where", n, question);
  }
  void try_order(std::size_t n, const std::string& text) {
    note("order", n, parse_firestore_order(text));
  }

  std::vector<TextFault> take() { return std::move(faults_); }
  [[nodiscard]] bool is_sound() const { return faults_.empty(); }

 private:
  const FirestoreQuestion& asked_;
  std::vector<TextFault> faults_;
};

}  // namespace

Result<FirestoreQuestion> question_of(const FirestoreTexts& texts) {
  FirestoreQuestion question = texts.question;
  for (const std::string& text : texts.where) {
    Result<FirestoreFilter> filter = parse_firestore_filter(text);
    if (!filter) return failure(filter.error().code, "where: " + filter.error().what);
    question.where.push_back(std::move(*filter));
  }
  for (const std::string& text : texts.order) {
    Result<FirestoreOrder> order = parse_firestore_order(text);
    if (!order) return failure(order.error().code, "order: " + order.error().what);
    question.order.push_back(std::move(*order));
  }
  return question;
}

std::vector<TextFault> faults_in(const FirestoreTexts& texts) {
  Trial trial(texts);
  // A frame is refused by a program without the source alone, and then so is all else.
  trial.check("", 0, frame(texts.question.asks));
  if (!trial.is_sound()) return trial.take();
  trial.try_collection();
  trial.try_fields();
  trial.try_writable();
  for (std::size_t n = 0; n < texts.where.size(); ++n) trial.try_where(n, texts.where[n]);
  for (std::size_t n = 0; n < texts.order.size(); ++n) trial.try_order(n, texts.order[n]);
  return trial.take();
}

}  // namespace headrace::app
