# headrace_firestore_protos: Firestore's messages and stubs, generated from the protos that
# `./dev setup` unpacked.  Where gRPC or the protos are missing there is no such target, and the
# Firestore source and its tests are left out.
set(HEADRACE_FIRESTORE_PROTOS ${PROJECT_SOURCE_DIR}/.cache/protos CACHE PATH
    "Where google/firestore/v1/*.proto are")
if(NOT HEADRACE_FIRESTORE)
  return()
endif()
find_package(Protobuf QUIET)
find_package(gRPC CONFIG QUIET)
if(NOT Protobuf_FOUND OR NOT gRPC_FOUND OR NOT TARGET gRPC::grpc_cpp_plugin)
  message(STATUS "No Firestore source: gRPC is missing; see ./dev setup")
  return()
endif()
if(NOT EXISTS ${HEADRACE_FIRESTORE_PROTOS}/google/firestore/v1/firestore.proto)
  message(STATUS "No Firestore source: no protos in ${HEADRACE_FIRESTORE_PROTOS}; see ./dev setup")
  return()
endif()

set(generated ${CMAKE_BINARY_DIR}/firestore_protos)
file(MAKE_DIRECTORY ${generated})
set(protos
  google/api/annotations google/api/client google/api/field_behavior google/api/http
  google/api/launch_stage google/api/resource google/api/routing google/rpc/status
  google/type/latlng google/firestore/v1/aggregation_result google/firestore/v1/bloom_filter
  google/firestore/v1/common google/firestore/v1/document google/firestore/v1/explain_stats
  google/firestore/v1/firestore google/firestore/v1/pipeline google/firestore/v1/query
  google/firestore/v1/query_profile google/firestore/v1/write)
set(inputs ${protos})
list(TRANSFORM inputs PREPEND ${HEADRACE_FIRESTORE_PROTOS}/)
list(TRANSFORM inputs APPEND .proto)
set(sources ${protos})
list(TRANSFORM sources PREPEND ${generated}/)
list(TRANSFORM sources APPEND .pb.cc)
list(APPEND sources ${generated}/google/firestore/v1/firestore.grpc.pb.cc)
set(headers ${sources})
list(TRANSFORM headers REPLACE "\\.cc$" ".h")
add_custom_command(
  OUTPUT ${sources} ${headers}
  COMMAND protobuf::protoc --proto_path=${HEADRACE_FIRESTORE_PROTOS} --cpp_out=${generated}
          ${inputs}
  COMMAND protobuf::protoc --proto_path=${HEADRACE_FIRESTORE_PROTOS} --grpc_out=${generated}
          --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>
          ${HEADRACE_FIRESTORE_PROTOS}/google/firestore/v1/firestore.proto
  DEPENDS ${inputs}
  COMMENT "Generating the messages of Firestore"
  VERBATIM)

# Their warnings are not ours.  They are built with the sanitizers as we are: the thread sanitizer
# needs all who touch a message to be.
add_library(headrace_firestore_protos STATIC ${sources})
target_compile_features(headrace_firestore_protos PUBLIC cxx_std_23)
target_compile_options(headrace_firestore_protos PRIVATE -w)
target_include_directories(headrace_firestore_protos SYSTEM PUBLIC ${generated})
target_link_libraries(headrace_firestore_protos PUBLIC gRPC::grpc++ protobuf::libprotobuf)
if(HEADRACE_SANITIZE)
  target_compile_options(headrace_firestore_protos PRIVATE
    -fsanitize=${HEADRACE_SANITIZE} -fno-omit-frame-pointer)
endif()
