// What is asked of providers, in words.

const WORDS = {
  chat: 'Chat',
  responses: 'Responses',
  compact: 'Compaction',
  messages: 'Messages',
  generate_content: 'Generate content',
  interactions: 'Interactions',
  converse: 'Converse',
  invoke: 'Invoke',
  completions: 'Completions',
  count_tokens: 'Token counting',
  embeddings: 'Embeddings',
  rerank: 'Rerank',
  moderations: 'Moderations',
  images: 'Images',
  video: 'Video',
  speech: 'Speech',
  transcription: 'Transcription',
  realtime: 'Realtime',
  audio: 'Other audio',
  ocr: 'OCR',
  search: 'Search',
  models: 'Models',
  files: 'Files',
  batches: 'Batches',
  cached_contents: 'Cached contents',
  other: 'Other',
};

// The name of the kind of call that records have, and its words.
export const OPERATIONS = Object.entries(WORDS);

// A name that this page does not know is shown as it is.
export const inWords = (operation) => (Object.hasOwn(WORDS, operation) ? WORDS[operation] : operation);
