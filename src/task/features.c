#include "task/features.h"

#include "base/memory.h"
#include "data/planes.h"
#include "task/trained.h"

#include <string.h>

struct gan_features {
  gan_trained trained;
  gan_net *net;
  int at; /* of net->at: what reaches the last layer */
  int64_t size;
};

/* The last layer that does anything must be linear: behind it nothing may write over its input. */
static gan_status find_last(gan_features *features) {
  const gan_net *net = features->net;
  int last = net->layer_count - 1;
  while (last > 0 && net->layers[last].identity) last--;
  const gan_layer *layer = &net->layers[last];
  if (strcmp(layer->type->schema.name, "linear") != 0)
    return gan_fail(GAN_USAGE,
                    "%s: the last layer of its classifier is %s; features are what reaches a last "
                    "layer that is linear",
                    gan_checkpoint_path(features->trained.checkpoint), layer->type->schema.name);
  features->at = layer->from[0];
  features->size = gan_shape_size(layer->in);
  return GAN_OK;
}

static gan_status load(gan_features *features, const char *path) {
  gan_trained *trained = &features->trained;
  GAN_TRY(gan_trained_open(path, trained));
  if (trained->config.task != GAN_TASK_CLASSIFIER)
    return gan_fail(GAN_USAGE,
                    "%s: is of task: %s; features come from a checkpoint of task: classifier", path,
                    gan_checkpoint_task(trained->checkpoint));
  const gan_data_facts *data = &gan_checkpoint_facts(trained->checkpoint)->data;
  gan_net_spec spec = gan_trained_spec(trained, &gan_networks_of(GAN_TASK_CLASSIFIER).rows[0]);
  spec.in = (gan_shape){data->h, data->w, data->c};
  GAN_TRY(gan_trained_network(trained, spec, &features->net));
  return find_last(features);
}

gan_status gan_features_open(const char *path, gan_features **out) {
  GAN_TRY_ALLOC(*out, 1, "a classifier's features");
  gan_status status = load(*out, path);
  if (status != GAN_OK) gan_features_close(out);
  return status;
}

void gan_features_close(gan_features **features) {
  if (!*features) return;
  gan_net_destroy(&(*features)->net);
  gan_trained_close(&(*features)->trained);
  gan_free(features);
}

void gan_features_use(const gan_features *features) {
  gan_trained_use(&features->trained);
}

gan_features_info gan_features_get_info(const gan_features *features) {
  const gan_run_facts *facts = gan_checkpoint_facts(features->trained.checkpoint);
  const gan_data_facts *data = &facts->data;
  return (gan_features_info){.h = data->h,
                             .w = data->w,
                             .c = data->c,
                             .features = features->size,
                             .classes = gan_shape_size(features->net->out),
                             .scale = data->scale,
                             .offset = data->offset,
                             .low = data->low,
                             .high = data->high,
                             .step = facts->step,
                             .digest = gan_checkpoint_digest(features->trained.checkpoint)};
}

int64_t gan_features_label(const gan_features *features, int64_t of) {
  return gan_config_class_label(&features->trained.config, of);
}

void gan_features_scale(const gan_features *features, int64_t n, const float *images, float *out) {
  const gan_data_facts *data = &gan_checkpoint_facts(features->trained.checkpoint)->data;
  int64_t pixels = data->h * data->w;
  gan_planes_to_rows(n, pixels, data->c, images, out);
  for (int64_t i = 0; i < n * pixels * data->c; i++)
    out[i] = (float)((double)out[i] * data->scale + data->offset);
}

gan_status gan_features_of(gan_features *features, int64_t n, const float *images,
                           float *out_features, float *out_logits) {
  gan_net *net = features->net;
  int64_t image = gan_shape_size(net->in), classes = gan_shape_size(net->out);
  for (int64_t done = 0, count; done < n; done += count) {
    count = n - done < net->capacity ? n - done : net->capacity;
    gan_pass pass = {.comm = gan_comm_alone(), .samples = count, .batch = count};
    float *logits;
    GAN_TRY(gan_net_forward(net, &pass, images + done * image, &logits));
    if (out_features)
      memcpy(out_features + done * features->size, net->at[features->at],
             (size_t)(count * features->size) * sizeof *out_features);
    if (out_logits)
      memcpy(out_logits + done * classes, logits, (size_t)(count * classes) * sizeof *logits);
  }
  return GAN_OK;
}
