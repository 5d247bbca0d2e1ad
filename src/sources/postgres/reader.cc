#include "sources/postgres/reader.h"

#include <algorithm>
#include <charconv>
#include <list>
#include <stop_token>
#include <utility>

#include "sources/postgres/array.h"
#include "sources/postgres/states.h"
#include "wire/uri.h"

namespace headrace::postgres {

std::optional<Error> Reader::unwanted(const Fetch& fetch) const {
  if (fetch.stop.stop_requested()) {
    return Error{Code::cancelled, "nobody waits for the PostgreSQL read any more"};
  }
  if (server_.clock.now() >= fetch.deadline) {
    return Error{Code::timed_out, "the PostgreSQL read did not end before the fetch's deadline"};
  }
  return std::nullopt;
}

std::vector<Result<Fetched>> Reader::answer(const Question& question,
                                            const std::vector<Fetch>& fetches) {
  std::vector<Result<Fetched>> answers(fetches.size());
  std::vector<Wanted> all = wanted(fetches, answers);
  if (all.empty()) return answers;
  const bool in_batch = all.size() > 1 && !question.batch.empty();
  const Result<void> done = read(question, all, in_batch ? How::batch : How::single);
  for (Wanted& one : all) {
    Result<Fetched>& answer = answers[static_cast<std::size_t>(one.fetch - fetches.data())];
    if (done) {
      answer = std::move(one.rows).answer(question.asked);
    } else {
      answer = std::unexpected(unwanted(*one.fetch).value_or(done.error()));
    }
  }
  return answers;
}

Result<Fetched> Reader::fetch_for_update(const Question& question, const Fetch& fetch) {
  if (std::optional<Error> error = unwanted(fetch)) return std::unexpected(*std::move(error));
  if (!is_text(fetch.entity)) return Fetched{.kind = Kind::absent, .billed = 0};
  std::vector<Wanted> one{{.fetch = &fetch}};
  if (const Result<void> done = read(question, one, How::for_update); !done) {
    return std::unexpected(unwanted(fetch).value_or(done.error()));
  }
  Result<Fetched> fetched = std::move(one.front().rows).answer(question.asked);
  if (fetched) fetched->revision = std::move(one.front().state);
  return fetched;
}

// What is not UTF-8, or has a zero byte, is no text of the server's: there is no such entity.
std::vector<Reader::Wanted> Reader::wanted(const std::vector<Fetch>& fetches,
                                           std::vector<Result<Fetched>>& answers) const {
  std::vector<Wanted> all;
  for (std::size_t i = 0; i < fetches.size(); ++i) {
    const Fetch& fetch = fetches[i];
    if (std::optional<Error> error = unwanted(fetch)) {
      answers[i] = std::unexpected(*std::move(error));
    } else if (!is_text(fetch.entity)) {
      answers[i] = Fetched{.kind = Kind::absent, .billed = 0};
    } else {
      all.push_back({.fetch = &fetch});
    }
  }
  return all;
}

Result<void> Reader::read(const Question& question, std::vector<Wanted>& all, How how) {
  const auto ring = [this] { bell_.ring(); };
  std::list<std::stop_callback<decltype(ring)>> rings;  // At most postgres_batch_max.
  Instant until = Instant::min();
  for (const Wanted& one : all) {
    until = std::max(until, one.fetch->deadline);
    rings.emplace_back(one.fetch->stop, ring);
  }
  const auto is_wanted = [&] {
    return std::ranges::any_of(all, [&](const Wanted& one) { return !unwanted(*one.fetch); });
  };
  for (bool is_first = true;; is_first = false) {
    if (Result<void> opened = line_.open(until); !opened) return opened;
    // Who has rung meanwhile rings no more.
    if (!is_wanted()) return failure(Code::cancelled, "nobody waits for the PostgreSQL read");
    line_.session().while_wanted(is_wanted);
    const Result<void> done = read_once(question, all, how, until);
    line_.session().while_wanted({});
    if (done) return done;
    const Error error = fault_of(done.error());
    // The server may have gone and come back since it was asked last.
    const bool is_lost = line_.session().is_lost();
    const bool helps = is_first && line_.was_open() && is_lost && is_wanted();
    if (is_lost) line_.close();
    if (!helps) return std::unexpected(error);
    for (Wanted& one : all) one.rows = {};
  }
}

Result<void> Reader::read_once(const Question& question, std::vector<Wanted>& all, How how,
                               Instant until) {
  if (how != How::batch) return read_each(question, all, how, until);
  const Result<void> done = read_batch(question, all, until);
  // One of them is no value of the key's type, or has a row that cannot be told: nobody says which.
  if (done || !is_of_values(line_.session().refusal().state)) return done;
  for (Wanted& one : all) one.rows = {};
  return read_each(question, all, How::single, until);
}

Result<void> Reader::read_each(const Question& question, std::vector<Wanted>& all, How how,
                               Instant until) {
  const Result<std::string> name = prepare(question, how, until);
  if (!name) return std::unexpected(name.error());
  for (Wanted& one : all) {
    const Result<void> done =
        line_.session().ask_prepared(*name, {one.fetch->entity}, until, [&](const Row& row) {
          take_row(question, row.at(0).value_or("null"), one.rows);
          if (how == How::for_update) one.state = row.at(1).value_or("");
        });
    if (done) continue;
    const std::string& state = line_.session().refusal().state;
    if (!is_of_values(state)) return done;
    if (question.parses_entity_alone && is_of_type(state)) continue;  // There is none of that name.
    one.rows.fault = fault_of(done.error());
  }
  return {};
}

Result<void> Reader::read_batch(const Question& question, std::vector<Wanted>& all, Instant until) {
  const Result<std::string> name = prepare(question, How::batch, until);
  if (!name) return std::unexpected(name.error());
  const auto entity = [](const Wanted& one) -> const std::string& { return one.fetch->entity; };
  const std::string entities = array_of(all, entity);
  return line_.session().ask_prepared(*name, {entities}, until, [&](const Row& row) {
    const std::string_view number = row.at(0).value_or("");
    std::size_t place = 0;
    std::from_chars(number.data(), number.data() + number.size(), place);
    if (place == 0 || place > all.size()) return;
    take_row(question, row.at(1).value_or("null"), all[place - 1].rows);
  });
}

Result<std::string> Reader::prepare(const Question& question, How how, Instant until) {
  const bool is_update = how == How::for_update;
  const bool is_single = how == How::single;
  std::string name = (is_update   ? "update"
                      : is_single ? "single"
                                  : "batch") +
                     std::to_string(question.id);
  const std::string& sql = is_update   ? question.for_update
                           : is_single ? question.single
                                       : question.batch;
  const Result<void> done = prepare(name, sql, until);
  if (!done) return std::unexpected(done.error());
  return name;
}

Result<void> Reader::prepare(const std::string& name, const std::string& sql, Instant until) {
  if (std::exchange(prepared_on_, line_.number()) != line_.number()) prepared_.clear();
  if (prepared_.contains(name)) return {};
  if (prepared_.size() >= statements_max) {
    prepared_.clear();
    if (Result<void> dropped = line_.session().run("DEALLOCATE ALL", {}, until); !dropped) {
      return dropped;
    }
  }
  Result<void> done = line_.session().prepare(name, sql, until);
  if (done) prepared_.insert(name);
  return done;
}

// What the server refuses is an answer, and no outage; unless it says that it goes.
Error Reader::fault_of(const Error& error) {
  const std::string& state = line_.session().refusal().state;
  return {.code = state.empty() ? error.code : code_of(state), .what = error.what};
}

void Reader::take_row(const Question& question, std::string_view json, sql::Rows& rows) {
  if (!rows.begin(question.asked)) return;
  if (!wire::is_utf8(json)) {
    rows.fault = Error{Code::source_failed, "the row holds text that is not UTF-8"};
    return;
  }
  rows.json += json;
  rows.end();
}

}  // namespace headrace::postgres
