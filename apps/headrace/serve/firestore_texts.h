// serve/firestore_texts.h: a Firestore policy's texts as the question that its source is asked.
//
// Threads: pure functions.  Errors: returned, or told one by one.  Lifetimes: values.
#pragma once

#include <vector>

#include "config/config.h"
#include "headrace/result.h"

namespace headrace::app {

// May return: invalid_argument, with the key and what is wrong.
[[nodiscard]] Result<FirestoreQuestion> question_of(const config::FirestoreTexts& texts);

// Every fault of the texts, each by itself.  One alone, if the program has no Firestore source.
[[nodiscard]] std::vector<config::TextFault> faults_in(const config::FirestoreTexts& texts);

}  // namespace headrace::app
