/* The config of a run: its struct, its option table, reading and writing it.
 *
 * A new key is one member here and one row in config/table.c; parser, --set, help, the start-up
 * print and the saved config follow from the row.
 */
#ifndef GAN_CONFIG_CONFIG_H
#define GAN_CONFIG_CONFIG_H

#include "config/layers.h"
#include "config/option.h"

typedef enum { GAN_TASK_GAN, GAN_TASK_CLASSIFIER, GAN_TASK_VAE, GAN_TASKS } gan_task_kind;
typedef enum { GAN_LAYOUT_AUTO, GAN_LAYOUT_NHWC, GAN_LAYOUT_NCHW } gan_layout;
typedef enum { GAN_RANGE_AUTO, GAN_RANGE_UNIT, GAN_RANGE_SYMMETRIC, GAN_RANGE_NONE } gan_range;
typedef enum { GAN_CACHE_MEMORY, GAN_CACHE_STREAM } gan_cache;
typedef enum { GAN_LATENT_NORMAL, GAN_LATENT_UNIFORM } gan_latent_distribution;
typedef enum { GAN_INIT_PYTORCH, GAN_INIT_NORMAL } gan_init;
typedef enum {
  GAN_OBJECTIVE_NON_SATURATING,
  GAN_OBJECTIVE_MINIMAX,
  GAN_OBJECTIVE_HINGE,
  GAN_OBJECTIVE_LEAST_SQUARES,
  GAN_OBJECTIVE_WASSERSTEIN,
  GAN_OBJECTIVE_RELATIVISTIC,
} gan_objective_kind;

typedef enum { GAN_LIKELIHOOD_BERNOULLI, GAN_LIKELIHOOD_GAUSSIAN } gan_likelihood_kind;
typedef enum {
  GAN_OPTIMIZER_ADAM,
  GAN_OPTIMIZER_SGD,
  GAN_OPTIMIZER_ADAMW,
  GAN_OPTIMIZER_RMSPROP
} gan_optimizer_kind;

typedef enum {
  GAN_PENALTY_NONE,
  GAN_PENALTY_R1,
  GAN_PENALTY_R2,
  GAN_PENALTY_WGAN_GP,
  GAN_PENALTY_DRAGAN
} gan_penalty_kind;

typedef enum { GAN_LR_SCALING_NONE, GAN_LR_SCALING_LINEAR, GAN_LR_SCALING_SQRT } gan_lr_scaling;
typedef enum {
  GAN_LR_CONSTANT,
  GAN_LR_LINEAR,
  GAN_LR_COSINE,
  GAN_LR_STEP,
  GAN_LR_EXPONENTIAL
} gan_lr_schedule;

typedef enum { GAN_LIBRARY_AUTO, GAN_LIBRARY_OPENBLAS, GAN_LIBRARY_ONEDNN } gan_library;
typedef enum { GAN_PRECISION_FP32, GAN_PRECISION_BF16 } gan_precision;
typedef enum { GAN_NONFINITE_STOP, GAN_NONFINITE_SKIP, GAN_NONFINITE_ROLLBACK } gan_on_nonfinite;

/* Whether a step's updates come one after the other, or both at the same weights. */
typedef enum { GAN_UPDATE_ALTERNATING, GAN_UPDATE_SIMULTANEOUS } gan_update_order;

/* How gradients are summed over the ranks, and as what their numbers travel. */
typedef enum { GAN_COMM_SUM_AUTO, GAN_COMM_SUM_ALLREDUCE, GAN_COMM_SUM_WINDOW } gan_comm_sum;
typedef enum { GAN_WIRE_FP32, GAN_WIRE_BF16 } gan_wire;

/* How the class of a sample enters a network. */
typedef enum {
  GAN_LABEL_NONE,       /* not at all */
  GAN_LABEL_ONE_HOT,    /* joined to the channels of its input */
  GAN_LABEL_EMBEDDING,  /* the same, as a learned vector */
  GAN_LABEL_PROJECTION, /* an inner product beside its last layer */
  GAN_LABEL_AUXILIARY,  /* not at all; it gives the classes' logits too */
} gan_label_way;

enum { GAN_CONFIG_OPTIONS_MAX = 128 };

typedef struct gan_config {
  char *name;
  int64_t seed;
  int task; /* gan_task_kind */
  struct {
    char *path, *test, *images, *labels; /* test: NULL where it is not given */
    int layout;                          /* gan_layout */
    int range;                           /* gan_range */
    int64_t shards;
    int cache; /* gan_cache */
    double buffer_mb;
    gan_option_ints classes;
    bool flip;
    int64_t crop_padding;
  } data;
  struct {
    int64_t latent;
    int latent_distribution;     /* gan_latent_distribution */
    int init;                    /* gan_init */
    double init_std, init_std_d; /* the second unset: the first is the discriminator's, too */
    char *init_from;
    int64_t classes;     /* 0 where it is not conditional */
    int label_g;         /* 0: one_hot, 1: embedding; see gan_config_label_way */
    int label_d;         /* 0: channels, 1: projection, 2: auxiliary */
    int64_t label_units; /* of the embedding */
    int64_t packing;     /* samples that the discriminator judges together */
    double label_weight;
    gan_layer_list generator, discriminator; /* whose task has none: empty */
    gan_layer_list classifier, encoder, decoder;
    int likelihood; /* gan_likelihood_kind */
    bool stochastic;
  } model;
  struct {
    int64_t microbatch;
    int64_t batch, batch_per_rank; /* per rank: always unset in a parsed config, see `resolved` */
    int64_t steps;
    double epochs;
    int objective;                             /* gan_objective_kind */
    double weight_clip;                        /* NaN: not */
    double label_smoothing;                    /* of a classifier */
    double label_real, label_fake, label_flip; /* of a discriminator */
    double instance_noise;
    int64_t instance_noise_steps; /* GAN_UNSET_INT: it stays */
    double beta, decoder_std;
    int64_t kl_warmup_steps;
    int64_t d_steps, g_steps;
    bool reuse_fakes;
    int penalty; /* gan_penalty_kind */
    double penalty_weight, penalty_noise;
    int64_t penalty_every;
    int update;                               /* gan_update_order */
    int optimizer;                            /* gan_optimizer_kind */
    double lr_d, lr_g, lr, beta1, beta2, eps; /* lr: NaN where it is not given */
    double alpha, momentum, momentum_final;
    int64_t momentum_steps;
    bool nesterov;
    struct { /* unset both: there is no average */
      double decay, half_life_images, warmup;
    } ema;
    double weight_decay, clip_norm; /* clip_norm: NaN: not */
    int lr_scaling;                 /* gan_lr_scaling */
    int lr_schedule;                /* gan_lr_schedule */
    int64_t base_batch, lr_warmup_steps, lr_decay_steps, lr_step;
    double lr_final, lr_gamma;
    int64_t log_every, test_every, check_every;
    int on_nonfinite; /* gan_on_nonfinite */
    int64_t skip_max, rollback_max;
    double rollback_factor;
    double lock_wait_s, watchdog_s;
  } train;
  struct {
    int64_t every_steps, keep_last, keep_every;
    double every_minutes;
  } checkpoint;
  struct {
    int64_t every_steps, count;
  } samples;
  struct {
    int64_t every_steps, count, patience;
    char *data, *features, *metrics, *best; /* NULL where they are not given */
    double buffer_mb;
  } eval;
  struct {
    int library;   /* gan_library */
    int precision; /* gan_precision */
    bool emulate_bf16;
    int64_t threads;
    bool reproducible;
  } compute;
  struct {
    int sum;  /* gan_comm_sum */
    int wire; /* gan_wire */
    bool overlap, share_weights;
    double bucket_mb;
  } comm;

  /* How values that the rows only decide together came about. */
  struct {
    int ranks;              /* of the start that the config is for */
    int64_t batch_per_rank; /* train.batch is this times `ranks`; 0: it was given itself */
    bool default_shards;    /* data.shards was not given */
    char threads_from[96];  /* what compute.threads: auto went by; "": it was given itself */
  } resolved;

  gan_origin origins[GAN_CONFIG_OPTIONS_MAX]; /* of each row of gan_config_options() */
  char *file;                                 /* what the origins point to */
} gan_config;

/* All keys, in the order in which they are printed. */
gan_options gan_config_options(void);

/* Fills `config` from YAML text: defaults, then the text (`file` names it in messages), then each
 * "KEY=VALUE" of `overrides`; train.batch_per_rank is multiplied by `ranks` (1 where the config is
 * a stored one, which holds the product).  Checks everything that needs neither data nor networks.
 * On failure `config` still wants gan_config_reset. */
GAN_CHECKED gan_status gan_config_parse(gan_config *config, const char *text, size_t length,
                                        const char *file, const char *const *overrides,
                                        int override_count, int ranks,
                                        const gan_layer_schemas *layers);

/* Frees what a config owns, and empties it. */
void gan_config_reset(gan_config *config);

/* The whole config as YAML, all keys with their values; to be freed with gan_free. */
GAN_CHECKED gan_status gan_config_yaml(const gan_config *config, char **out);

/* How the class enters the generator or the discriminator. */
gan_label_way gan_config_label_way(const gan_config *config, bool generator);

/* compute.threads; 1 as long as it is auto. */
int gan_config_threads(const gan_config *config);

/* Numbers that a vae's encoder gives a sample: model.latent means, and log-variances behind them
 * unless it is an autoencoder. */
int64_t gan_config_code_size(const gan_config *config);

/* Whether what makes data gives logits, of which the sigmoid is a sample. */
bool gan_config_makes_logits(const gan_config *config);

/* Where a key's value came from. */
gan_origin gan_config_origin(const gan_config *config, const char *key);

/* Where data.classes chooses some labels, the rest of mpigan sees a label's place in that list;
 * else the label itself.  The label of a place; and the place of a label, -1 if it is not chosen.
 */
int64_t gan_config_class_label(const gan_config *config, int64_t place);
int64_t gan_config_class_place(const gan_config *config, int64_t label);

/* The labels of a conditional model, for messages: "0 to 9", "3, 5". */
char *gan_config_classes_text(const gan_config *config, char *text, size_t size);

/* The value of `key` came about from the value of `from`: it has its origin. */
void gan_config_derive(gan_config *config, const char *key, const char *from);

/* "FILE:LINE: key 'KEY'" for messages about a value that only later turned out wrong. */
char *gan_config_place(const gan_config *config, const char *key, char *text, size_t size);

/* The default of data.shards: the largest divisor of `batch` up to 16 or `ranks`, whichever is
 * more, of which `ranks` (a divisor of batch; 1: any number of them) own equally many. */
int64_t gan_config_default_shards(int64_t batch, int ranks);

/* The smallest divisor of `batch` from `least` on that data.shards can be; 0: there is none. */
int64_t gan_config_shards_from(int64_t batch, int64_t least);

/* The batches nearest to `batch` that so many shards divide, as "1008 or 1032", for messages. */
char *gan_config_batches(int64_t batch, int64_t shards, char *text, size_t size);

/* Keys in which `now` differs from `before`: those that may change when a run is continued, or
 * those that may not.  One "\n  key: old -> new" each into `text`; returns their number. */
int gan_config_differences(const gan_config *before, const gan_config *now, bool may_change,
                           char *text, size_t size);

#endif
