#include "io/job_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace headrace::io {
namespace {

struct Job {
  int number = 0;
  Job* next = nullptr;
};

TEST(JobQueue, GivesThemInTheirOrderUpToItsLimit) {
  JobQueue<Job> queue(2);
  Job first{.number = 1};
  Job second{.number = 2};
  Job third{.number = 3};
  EXPECT_TRUE(queue.submit(first));
  EXPECT_TRUE(queue.submit(second));
  EXPECT_FALSE(queue.submit(third));
  EXPECT_EQ(queue.take(), &first);
  EXPECT_TRUE(queue.submit(third));
  queue.end();
  EXPECT_EQ(queue.take(), &second) << "what waits is done before the end";
  EXPECT_EQ(queue.take(), &third);
  EXPECT_EQ(queue.take(), nullptr);
}

TEST(JobQueue, EachGoesToOneOfManyThreads) {
  constexpr std::size_t count = 10'000;
  JobQueue<Job> queue(count);
  std::vector<Job> jobs(count);
  std::atomic<std::size_t> taken = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        while (Job* const job = queue.take()) {
          ++job->number;
          ++taken;
        }
      });
    }
    for (Job& job : jobs) ASSERT_TRUE(queue.submit(job));
    queue.end();
  }
  EXPECT_EQ(taken, count);
  for (const Job& job : jobs) ASSERT_EQ(job.number, 1);
}

}  // namespace
}  // namespace headrace::io
