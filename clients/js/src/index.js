export { connect } from './feed.js';
